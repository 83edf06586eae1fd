"""How long the certificates of the SMTP servers are valid that mail goes through.

Looked at once a day, and soon after an account was made, changed or tested: a person who has just mended a certificate
wants to see it, and one who has just entered a server wants to hear of it today.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Flag, SenderAccount
from appliance.db.models.sender_account import TransportKind
from appliance.db.queries import accounts
from appliance.errors import StorageUnavailable
from appliance.mail.transport import TransportError

KNOWN = "server_certificates"
LOOK_SECONDS = 15.0

log = structlog.get_logger(__name__)


class ServerCertificates:
    """`ask(account)` connects to its server as sending does, and gives the end of its certificate, None without TLS.

    `start` runs a function beside everything. `soon`: whether accounts are looked after between the daily looks.
    """

    def __init__(
        self,
        database: Database,
        ask: Callable[[SenderAccount], datetime | None],
        *,
        start: Callable[[Callable[[], None]], object],
        clock: Clock,
        soon: bool = True,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._ask = ask
        self._start = start
        self._soon = soon
        self._clock = clock
        self._timer = timer
        self._due_at = 0.0
        self._asking = False
        self._asked_of: dict[str, datetime] = {}  # by server, when its accounts were changed last at that time
        self._tested: set[str] = set()  # ids of accounts

    @staticmethod
    def name_of(account: SenderAccount) -> str:
        return f"{account.host}:{account.port}"

    def check(self) -> dict[str, Any]:
        """Asks each server once. Of one that does not answer, what is known stays; sending tells that it does not."""
        began = self._clock()
        servers = self._servers()
        answers = self._answers(servers.items())
        self._keep(answers, began)
        return {"servers": len(answers), "unanswered": len(servers) - len(answers)}

    def tested(self, account_id: str) -> None:
        """Somebody wants to know how its server is."""
        self._tested.add(account_id)

    def turn(self) -> bool:
        """An errand: has those servers asked that are new, or of which an account was changed or tested."""
        if self._soon and not self._asking and self._timer() >= self._due_at:
            self._due_at = self._timer() + LOOK_SECONDS
            began, due = self._clock(), self._due()
            if due:
                self._asking = True
                self._start(partial(self._ask_soon, due, began))
        return False

    def known(self) -> dict[str, datetime]:
        """The end of each server's certificate, by host:port."""
        with self._database.read() as session:
            return _known(session.get(Flag, KNOWN))

    def _servers(self) -> dict[str, SenderAccount]:
        with self._database.read() as session:
            return _encrypted(accounts.by_priority(session))

    def _due(self) -> dict[str, SenderAccount]:
        with self._database.read() as session:
            senders = [one for one in accounts.by_priority(session) if _is_encrypted(one)]
            flag = session.get(Flag, KNOWN)
        tested, self._tested = self._tested, set()
        due = {self.name_of(one) for one in senders if one.id in tested}
        for name, changed_at in _changed_at(senders).items():
            if _is_news(name, changed_at, flag) and self._asked_of.get(name) != changed_at:
                self._asked_of[name] = changed_at
                due.add(name)
        return {name: one for name, one in _encrypted(senders).items() if name in due}

    def _ask_soon(self, servers: Mapping[str, SenderAccount], began: datetime) -> None:
        try:
            self._keep(self._answers(servers.items()), began)
        except StorageUnavailable as error:
            log.info("what servers said of their certificates could not be kept", reason=str(error))
        finally:
            self._asking = False

    def _answers(self, servers: Iterable[tuple[str, SenderAccount]]) -> dict[str, datetime | None]:
        answers: dict[str, datetime | None] = {}
        for server, account in servers:
            try:
                answers[server] = self._ask(account)
            except TransportError as error:
                log.info("the certificate of a server could not be looked at", server=server, reason=str(error))
        return answers

    def _keep(self, answers: Mapping[str, datetime | None], began: datetime) -> None:
        """Beside what is known of others that are in use. What changes after `began` is to be looked at again."""
        new = {server: until.isoformat() for server, until in answers.items() if until is not None}

        def write(session: Session) -> None:
            used = _encrypted(accounts.by_priority(session))
            flag = session.get(Flag, KNOWN)
            kept = (flag.value if flag is not None else {}) | new
            Flag.put(session, KNOWN, {name: until for name, until in kept.items() if name in used}, now=began)

        self._database.write(write)


def _known(flag: Flag | None) -> dict[str, datetime]:
    return {} if flag is None else {name: datetime.fromisoformat(until) for name, until in flag.value.items()}


def _changed_at(senders: Iterable[SenderAccount]) -> dict[str, datetime]:
    """By server, when an account of it was changed last."""
    found: dict[str, datetime] = {}
    for one in senders:
        name = ServerCertificates.name_of(one)
        found[name] = max(one.updated_at, found.get(name, one.updated_at))
    return found


def _is_news(name: str, changed_at: datetime, flag: Flag | None) -> bool:
    return flag is None or name not in flag.value or changed_at > flag.changed_at


def _encrypted(senders: Iterable[SenderAccount]) -> dict[str, SenderAccount]:
    """By server, one account of each."""
    return {ServerCertificates.name_of(one): one for one in senders if _is_encrypted(one)}


def _is_encrypted(account: SenderAccount) -> bool:
    return account.active and account.transport == TransportKind.SMTP and account.security != "none"
