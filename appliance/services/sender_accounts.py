"""Sender accounts: create, change, pause, resume, delete, and close the day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import Clock, local_date
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.models import AuditEntry, SenderAccount
from appliance.db.models.event import Event, EventKind, of_account
from appliance.db.models.message import WAITING_FOR_ACCOUNTS, Reason
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID, TransportKind
from appliance.db.queries import accounts, outbox
from appliance.db.types import new_id
from appliance.errors import FieldError, InvalidInput, NotFound, WrongState
from appliance.language import gettext
from appliance.mail import addresses
from appliance.mail.addresses import InvalidAddress
from appliance.services import account_days, account_order, audit
from appliance.services.left_behind import LeftBehind
from appliance.services.messages import Messages
from appliance.services.permission import Permission, needs
from appliance.services.return_of_accounts import ALL, ReturnOfAccounts

DEFAULT_PORTS: Mapping[str, int] = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True, slots=True)
class AccountForm:
    """All that a person sets. `password` None or empty: keep the one that is stored. `port` None: the usual one."""

    name: str
    email: str
    transport: str = TransportKind.SMTP
    host: str = ""
    port: int | None = None
    security: str = "starttls"
    username: str = ""
    password: str | None = None
    daily_limit: int | None = None
    priority: int = 0
    active: bool = True


class SenderAccounts:
    def __init__(self, database: Database, vault: Vault, messages: Messages, *, zone: ZoneInfo, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._messages = messages
        self._zone = zone
        self._clock = clock
        self.left_behind = LeftBehind(database, clock=clock)
        self.returns = ReturnOfAccounts(database, messages.release_held, clock)

    def ensure_built_in_mailbox(self, email: str) -> None:
        """The account that keeps mail for viewing until there is another one."""
        now = self._clock()

        def write(session: Session) -> None:
            if session.get(SenderAccount, BUILT_IN_MAILBOX_ID) is None:
                form = AccountForm("Built-in mailbox", email, TransportKind.MAILBOX, security="none", priority=-1000)
                session.add(self._new(BUILT_IN_MAILBOX_ID, form, now))

        self._database.write(write)

    @needs(Permission.ADMINISTER)
    def create(self, form: AccountForm) -> str:
        """Returns the new account's id. Raises InvalidInput with every wrong field."""
        form = check(form)
        account_id = new_id("acc")
        now = self._clock()
        row = audit.entry("account.created", account_id, _described(form), now)

        def write(session: Session) -> str:
            session.add(self._new(account_id, form, now))
            AuditEntry.note(session, row)
            return self.returns.note(session, now)

        self.returns.let_go(self._database.write(write), WAITING_FOR_ACCOUNTS)
        return account_id

    @needs(Permission.ADMINISTER)
    def change(self, account_id: str, changes: Mapping[str, Any]) -> None:
        """Sets the given fields of `AccountForm`. Raises NotFound, InvalidInput."""
        now = self._clock()
        row = audit.entry("account.changed", account_id, {}, now)

        def write(session: Session) -> str:
            account = _existing(session, account_id)
            form, before = check(_form_of(account, changes)), _form_of(account, {})
            _tell_of_use(session, account, form.active, now)
            _apply(account, form, now)
            if form.password:
                account.password_encrypted = self._vault.encrypt(form.password)
            if not form.username:
                account.password_encrypted = ""
            _forget_trouble(account)
            AuditEntry.note(session, row | {"detail": _difference(before, form)})
            return self.returns.note(session, now)

        self.returns.let_go(self._database.write(write), ALL)

    @needs(Permission.ADMINISTER)
    def pause(self, account_id: str) -> None:
        self._set_active(account_id, active=False)

    @needs(Permission.ADMINISTER)
    def resume(self, account_id: str) -> None:
        """Also closes its breaker: the person says that it works again."""
        self.returns.let_go(self._set_active(account_id, active=True), WAITING_FOR_ACCOUNTS)

    @needs(Permission.ADMINISTER)
    def move(self, account_id: str, *, up: bool) -> None:
        """One place in the order in which accounts are used; at its end, nothing happens.

        Raises:
            NotFound: there is no such account.
            WrongState: priorities are used up at that end.
        """
        now = self._clock()
        row = audit.entry("account.moved", account_id, {}, now)

        def write(session: Session) -> None:
            account = _existing(session, account_id)
            standing = [
                (one.id, one.priority) for one in accounts.by_priority(session) if one.id != BUILT_IN_MAILBOX_ID
            ]
            changed = (account_order.moved_up if up else account_order.moved_down)(standing, account_id)
            for one, priority in changed.items():
                _existing(session, one).priority = priority
            if changed:
                detail = {"name": account.name, "up": up, "priorities": dict(changed)}
                AuditEntry.note(session, row | {"detail": detail})

        self._database.write(write)

    @needs(Permission.ADMINISTER)
    def delete(self, account_id: str) -> None:
        """Its history stays. Messages that wait for it are held for a person. Raises NotFound, WrongState."""
        if account_id == BUILT_IN_MAILBOX_ID:
            raise WrongState(
                gettext("The built-in mailbox cannot be deleted; it steps aside once there is another account.")
            )
        now = self._clock()
        row = audit.entry("account.deleted", account_id, {}, now)

        def write(session: Session) -> None:
            account = _existing(session, account_id)
            account.deleted_at, account.active, account.password_encrypted = now, False, ""
            self.left_behind.note(session, now)
            AuditEntry.note(session, row | {"detail": {"name": account.name, "email": account.email}})

        self._database.write(write)

    def close_day(self) -> dict[str, Any]:
        """At 00:00: yesterday's counts go into history and what waited for the new day is queued."""
        today = local_date(self._clock(), self._zone)
        closed = self._database.write(lambda session: account_days.close(session, outbox.accounts(session), today))
        return {"day": today, "accounts": closed, "released": self._messages.release_held([Reason.QUOTA])}

    def _set_active(self, account_id: str, *, active: bool) -> str:
        """Returns the note of its return; of a pause there is none."""
        now = self._clock()
        row = audit.entry("account.resumed" if active else "account.paused", account_id, {}, now)

        def write(session: Session) -> str:
            account = _existing(session, account_id)
            _tell_of_use(session, account, active, now)
            account.active, account.updated_at = active, now
            if active:
                _forget_trouble(account)
            AuditEntry.note(session, row | {"detail": {"name": account.name}})
            return self.returns.note(session, now) if active else ""

        return self._database.write(write)

    def _new(self, account_id: str, form: AccountForm, now: datetime) -> SenderAccount:
        account = SenderAccount(id=account_id, created_at=now)
        _apply(account, form, now)
        account.password_encrypted = self._vault.encrypt(form.password) if form.password else ""
        return account


def check(form: AccountForm) -> AccountForm:
    """The form with its usual values filled in. Raises InvalidInput with every wrong field."""
    errors = [*_check_identity(form), *_check_server(form), *_check_limits(form)]
    if errors:
        raise InvalidInput(errors)
    port = form.port if form.port is not None else DEFAULT_PORTS[form.security]
    values = {name: getattr(form, name) for name in AccountForm.__slots__}
    address = addresses.of(form.email)
    return AccountForm(**(values | {"port": port, "email": address.email, "name": form.name.strip()}))


def _check_identity(form: AccountForm) -> list[FieldError]:
    errors = []
    if not form.name.strip() or len(form.name) > 200 or not form.name.isprintable():
        errors.append(
            FieldError("name", gettext("Give a name of 1 to 200 characters; recipients see it as the sender."))
        )
    try:
        addresses.of(form.email)
    except InvalidAddress as error:
        errors.append(FieldError("email", str(error)))
    return errors


def _check_server(form: AccountForm) -> list[FieldError]:
    errors = []
    if form.transport not in tuple(TransportKind):
        errors.append(FieldError("transport", gettext("Choose smtp or mailbox.")))
    if form.security not in DEFAULT_PORTS:
        errors.append(FieldError("security", gettext("Choose none, starttls or tls.")))
    if form.transport == TransportKind.SMTP and not _is_host(form.host):
        errors.append(FieldError("host", gettext("Give the SMTP server's name or address, such as smtp.example.com.")))
    if form.port is not None and not 1 <= form.port <= 65535:
        errors.append(
            FieldError("port", gettext("Give a port from 1 to 65535; usual are 587 (starttls), 465 (tls), 25 (none)."))
        )
    if form.password and not form.username:
        errors.append(FieldError("username", gettext("A password needs a username.")))
    return errors


def _check_limits(form: AccountForm) -> list[FieldError]:
    errors = []
    if form.daily_limit is not None and not 0 <= form.daily_limit <= 2_000_000_000:
        errors.append(FieldError("daily_limit", gettext("Give a whole number, 0 or more, or null for no limit.")))
    if not -1000 <= form.priority <= 1000:
        errors.append(FieldError("priority", gettext("Give a whole number from -1000 to 1000; higher is used first.")))
    return errors


def _is_host(host: str) -> bool:
    return 0 < len(host) <= 253 and all(char.isalnum() or char in ".-_:[]" for char in host)


def _existing(session: Session, account_id: str) -> SenderAccount:
    account = session.get(SenderAccount, account_id)
    if account is None or account.deleted_at is not None:
        raise NotFound("account", account_id)
    return account


def _form_of(account: SenderAccount, changes: Mapping[str, Any]) -> AccountForm:
    values = {name: getattr(account, name) for name in AccountForm.__slots__ if name != "password"}
    if not account.port or changes.get("security", account.security) != account.security:
        values["port"] = None  # the usual port of the new mode, unless the change names one; a mailbox has none
    return AccountForm(**(values | {"password": None} | dict(changes)))


def _apply(account: SenderAccount, form: AccountForm, now: datetime) -> None:
    for name in AccountForm.__slots__:
        if name != "password":
            setattr(account, name, getattr(form, name))
    account.updated_at = now


def _tell_of_use(session: Session, account: SenderAccount, active: bool, now: datetime) -> None:
    """Pausing what is paused already is no news."""
    if account.active is not active:
        kind = EventKind.ACCOUNT_RESUMED if active else EventKind.ACCOUNT_PAUSED
        Event.note(session, [of_account(kind, account.id, now)])


def _forget_trouble(account: SenderAccount) -> None:
    account.breaker_until, account.breaker_failures = None, 0


def _described(form: AccountForm) -> dict[str, Any]:
    """For the audit: the password is told of, not told."""
    values = {name: getattr(form, name) for name in AccountForm.__slots__ if name != "password"}
    return values | {"password": "set" if form.password else "none"}


def _difference(before: AccountForm, after: AccountForm) -> dict[str, Any]:
    """What changed, as `{field: [before, after]}`."""
    old, new = _described(before), _described(after)
    changed = {name: [old[name], new[name]] for name in old if name != "password" and old[name] != new[name]}
    return changed | ({"password": "changed"} if after.password else {})
