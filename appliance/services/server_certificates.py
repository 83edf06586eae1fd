"""How long the certificates of the SMTP servers are valid that mail goes through, looked at once a day."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import structlog

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Flag, SenderAccount
from appliance.db.models.sender_account import TransportKind
from appliance.db.queries import accounts
from appliance.mail.transport import TransportError

KNOWN = "server_certificates"

log = structlog.get_logger(__name__)


class ServerCertificates:
    """`ask(account)` connects to its server as sending does, and gives the end of its certificate, None without TLS."""

    def __init__(self, database: Database, ask: Callable[[SenderAccount], datetime | None], *, clock: Clock) -> None:
        self._database = database
        self._ask = ask
        self._clock = clock

    @staticmethod
    def name_of(account: SenderAccount) -> str:
        return f"{account.host}:{account.port}"

    def check(self) -> dict[str, Any]:
        """Asks each server once. Of one that does not answer, what is known stays; sending tells that it does not."""
        with self._database.read() as session:
            senders = [one for one in accounts.by_priority(session) if _is_encrypted(one)]
        servers = {self.name_of(one): one for one in senders}
        known = {server: until for server, until in self.known().items() if server in servers}
        answers = self._answers(servers.items())
        known |= {server: until for server, until in answers.items() if until is not None}
        value = {server: until.isoformat() for server, until in known.items()}
        now = self._clock()
        self._database.write(lambda session: Flag.put(session, KNOWN, value, now=now))
        return {"servers": len(answers), "unanswered": len(servers) - len(answers)}

    def known(self) -> dict[str, datetime]:
        """The end of each server's certificate, by host:port."""
        with self._database.read() as session:
            flag = session.get(Flag, KNOWN)
        return {} if flag is None else {one: datetime.fromisoformat(until) for one, until in flag.value.items()}

    def _answers(self, servers: Iterable[tuple[str, SenderAccount]]) -> dict[str, datetime | None]:
        answers: dict[str, datetime | None] = {}
        for server, account in servers:
            try:
                answers[server] = self._ask(account)
            except TransportError as error:
                log.info("the certificate of a server could not be looked at", server=server, reason=str(error))
        return answers


def _is_encrypted(account: SenderAccount) -> bool:
    return account.active and account.transport == TransportKind.SMTP and account.security != "none"
