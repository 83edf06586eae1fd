"""What the tests say to an appliance about mail. All of it goes through the API, as a client's words do."""

import itertools
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until


def add_account(appliance: Appliance, sink: SmtpSink, **changes: Any) -> str:
    """A sender account that sends to `sink`; returns its id."""
    form = {"name": "Sink", "email": "sender@example.com", "host": "127.0.0.1", "port": sink.port, "security": "none"}
    status, answer = appliance.request("POST", "/api/v1/accounts", appliance.local_token(), form | changes)
    assert status == 201, answer
    return str(answer["id"])


def post(appliance: Appliance, *to: str, **changes: Any) -> str:
    """Posts a message and returns its id; it was accepted."""
    status, answer = post_anyhow(appliance, *to, **changes)
    assert status == 202, answer
    return str(answer["id"])


def post_anyhow(
    appliance: Appliance, *to: str, key: str = "", idempotency_key: str = "", **changes: Any
) -> tuple[int, Any]:
    body = {"to": list(to or ["ann@example.com"]), "subject": "Hello", "text": "Hello, Ann.", **changes}
    once = {"Idempotency_Key": idempotency_key} if idempotency_key else {}
    return appliance.request("POST", "/api/v1/messages", key or appliance.local_token(), body, **once)


def message(appliance: Appliance, message_id: str) -> dict[str, Any]:
    status, answer = appliance.request("GET", f"/api/v1/messages/{message_id}", appliance.local_token())
    assert status == 200, answer
    return dict(answer)


def wait_for_status(appliance: Appliance, message_id: str, status: str, timeout: float = 15) -> dict[str, Any]:
    """Returns the message once it has come to `status`."""
    wait_until(lambda: message(appliance, message_id)["status"] == status, timeout, f"not {status}: {message_id}")
    return message(appliance, message_id)


def arrivals(sink: SmtpSink) -> dict[str, list[str]]:
    """The Message-IDs that came for each recipient, in order."""
    found: dict[str, list[str]] = {}
    for received in list(sink.messages):
        for address in received.rcpt_to:
            found.setdefault(address, []).append(received.message_id)
    return found


class Clients:
    """Post until told to stop, whatever happens to the appliance; `accepted` are the recipients of what got a 202."""

    def __init__(self, appliance: Appliance, count: int = 4) -> None:
        self._appliance = appliance
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(count)]
        self._key = appliance.local_token()
        self.accepted: dict[str, str] = {}
        self.refused: list[Any] = []

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def post_more(self, count: int, timeout: float = 60) -> None:
        """Returns when that many more were accepted."""
        wanted = len(self.accepted) + count
        wait_until(lambda: len(self.accepted) >= wanted, timeout, "the clients get nothing accepted")

    def _post(self, client: int) -> None:
        for number in itertools.count():
            time.sleep(0.002)  # not a wait for the event: of several that time out, gevent 26.9 can forget to wake some
            if self._enough.is_set():
                return
            self._post_one(f"client{client}-{number}@example.com")

    def _post_one(self, recipient: str) -> None:
        try:
            status, answer = post_anyhow(self._appliance, recipient, key=self._key)
        except (OSError, HTTPException):
            time.sleep(0.05)  # it is down: nobody answered, so nothing was promised
            return
        if status == 202:
            self.accepted[recipient] = answer["id"]
        else:
            self.refused.append((status, answer))


class Gate:
    """Keeps the sink from answering for a message that it has; see `SmtpSink(on_message=...)`."""

    def __init__(self, applies: Callable[[Any], bool] = lambda _: True) -> None:
        self._open = threading.Event()
        self._open.set()
        self._applies = applies
        self.waiting = 0

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def __call__(self, received: Any) -> None:
        if self._applies(received) and not self._open.is_set():
            self.waiting += 1
            self._open.wait()
