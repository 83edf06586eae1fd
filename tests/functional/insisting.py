"""Clients as they should be: each posts a message until it is answered, always with the same Idempotency-Key."""

import itertools
import threading
import time
from http.client import HTTPException
from typing import Any

from tests.functional.mail import post_anyhow
from tests.functional.processes import Appliance
from tests.waiting import wait_until

PATIENCE = 150.0  # seconds until the last post of each must have been answered


class InsistingClients:
    """Post until told to stop; `accepted` has the id of each message by its recipient. Stop them while it runs."""

    def __init__(self, appliance: Appliance, key: str, count: int = 4) -> None:
        self._appliance = appliance
        self._key = key
        self._enough = threading.Event()
        self._hopeless = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(count)]
        self.accepted: dict[str, str] = {}
        self.repeated = 0
        self.refused: list[Any] = []

    def __enter__(self) -> "InsistingClients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is not None:
            self._hopeless.set()
        self._enough.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert failure is not None or not any(thread.is_alive() for thread in self._threads), "one is never answered"

    def post_more(self, count: int, timeout: float = 60) -> None:
        """Returns when that many more were accepted."""
        wanted = len(self.accepted) + count
        wait_until(lambda: len(self.accepted) >= wanted, timeout, "the clients get nothing accepted")

    def _post(self, client: int) -> None:
        for number in itertools.count():
            time.sleep(0.002)  # waits for no event, for the reason in mail.py
            if self._enough.is_set():
                return
            recipient = f"client{client}-{number}@example.com"
            while not self._post_one(recipient):
                self.repeated += 1
                time.sleep(0.02)
                if self._hopeless.is_set():
                    return

    def _post_one(self, recipient: str) -> bool:
        try:
            status, answer = post_anyhow(self._appliance, recipient, key=self._key, idempotency_key=recipient)
        except (OSError, HTTPException):
            return False  # it is down: nobody answered, so nothing is known
        if status == 202:
            self.accepted[recipient] = answer["id"]
        else:
            self.refused.append((status, answer))
        return status == 202
