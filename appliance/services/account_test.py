"""Tests a sender account with the code that sends, and shows the conversation with its server."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, SenderAccount
from appliance.db.models.sender_account import TransportKind
from appliance.db.queries import accounts
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.language import gettext
from appliance.mail import addresses
from appliance.mail.addresses import Address, InvalidAddress
from appliance.mail.headers import new_message_id
from appliance.mail.mime import Content, render
from appliance.mail.smtp import SmtpTransport
from appliance.mail.transport import Envelope, SendResult, Stage, Transport, TransportError
from appliance.services import audit
from appliance.services.permission import Permission, needs
from appliance.services.transports import Transports


@dataclass(frozen=True, slots=True)
class AccountReport:
    """`message` is one sentence for a person; `dialogue` the lines of the conversation, without the password.

    `login_refused`: it is the username or the password that is wrong.
    """

    ok: bool
    message: str
    dialogue: Sequence[str] = field(default_factory=list)
    login_refused: bool = False


class AccountTest:
    def __init__(
        self,
        database: Database,
        transports: Transports,
        *,
        hostname: str,
        clock: Clock,
        on_recovery: Callable[[], object],
        on_tested: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`on_recovery` is called when an account that rested works again, `on_tested` with the id of each."""
        self._database = database
        self._transports = transports
        self._hostname = hostname
        self._clock = clock
        self._on_recovery = on_recovery
        self._on_tested = on_tested

    @needs(Permission.ADMINISTER)
    def run(self, account_id: str, to: str | None = None) -> AccountReport:
        """Signs in; with `to` also sends a short message there. A success closes the account's breaker.

        Raises:
            NotFound: there is no such account.
            InvalidInput: `to` is no address.
        """
        recipient = _recipient(to)
        account = self._account(account_id)
        result = self._try(account, recipient)
        now = self._clock()
        row = entry(account_id, account.name, recipient.email if recipient else None, _error(result), now)

        def write(session: Session) -> bool:
            AuditEntry.note(session, row)
            return result.ok and SenderAccount.close_breaker(session, account_id, now=now)

        if self._database.write(write):
            self._on_recovery()
        self._on_tested(account_id)
        return result

    def _account(self, account_id: str) -> SenderAccount:
        with self._database.read() as session:
            account = accounts.one(session, account_id)
        if account is None:
            raise NotFound("account", account_id)
        return account

    def _try(self, account: SenderAccount, recipient: Address | None) -> AccountReport:
        if account.transport == TransportKind.MAILBOX:
            return self._try_mailbox(self._transports.of(account), account, recipient)
        dialogue: list[str] = []
        try:
            with closing(self._transports.smtp(account)) as transport:
                return self._try_smtp(transport, account, recipient, dialogue)
        except TransportError as error:
            return AccountReport(False, str(error), dialogue, login_refused=error.stage is Stage.AUTH)

    def _try_mailbox(self, transport: Transport, account: SenderAccount, recipient: Address | None) -> AccountReport:
        if recipient is None:
            return AccountReport(True, gettext("The mailbox works."))
        return _accepted(transport.send(self._envelope(account, recipient)), recipient, [])

    def _try_smtp(
        self, transport: SmtpTransport, account: SenderAccount, recipient: Address | None, dialogue: list[str]
    ) -> AccountReport:
        if recipient is None:
            transport.check(dialogue)
            return AccountReport(True, gettext("The server accepted the login."), dialogue)
        return _accepted(transport.send(self._envelope(account, recipient), dialogue), recipient, dialogue)

    def _envelope(self, account: SenderAccount, recipient: Address) -> Envelope:
        content = Content(
            sender=Address(account.email, account.name),
            to=(recipient,),
            subject="Test of a sender account",
            text=f"This message was sent to test the sender account {account.name!r}. It works.",
            message_id=new_message_id(self._hostname),
            date=self._clock(),
        )
        return Envelope(account.email, (recipient.email,), render(content), content.message_id, content.subject)


def entry(account_id: str, name: str, to: str | None, error: str, now: datetime) -> dict[str, Any]:
    """For the audit, from which the pages know what the last test came to. No `error`: it works."""
    detail = {"name": name, "to": to, "ok": not error} | ({"error": error} if error else {})
    return audit.entry("account.tested", account_id, detail, now)


def _error(report: AccountReport) -> str:
    return "" if report.ok else report.message


def _accepted(result: SendResult, recipient: Address, dialogue: list[str]) -> AccountReport:
    told = gettext(
        "%(server)s accepted a test message for %(recipient)s.", server=result.server, recipient=recipient.email
    )
    return AccountReport(True, told, dialogue)


def _recipient(to: str | None) -> Address | None:
    if not to:
        return None
    try:
        return addresses.of(to)
    except InvalidAddress as error:
        raise InvalidInput([FieldError("to", str(error))]) from error
