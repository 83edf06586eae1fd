"""What can be wrong with a message only now: it names an account that is gone, or a moment that is past."""

from collections.abc import Iterable, Iterator, Set
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.models import SenderAccount
from appliance.errors import FieldError
from appliance.language import gettext
from appliance.services.submit_message import SubmitMessage

FURTHEST = timedelta(days=366)


def accounts_named(session: Session, commands: Iterable[SubmitMessage]) -> set[str]:
    """Those accounts that `commands` ask for and that there are."""
    named = {command.account for command in commands if command.account is not None}
    if not named:
        return set()
    there = select(SenderAccount.id).where(SenderAccount.id.in_(named), SenderAccount.deleted_at.is_(None))
    return set(session.scalars(there))


def errors(command: SubmitMessage, accounts: Set[str], now: datetime) -> list[FieldError]:
    """`accounts`: what `accounts_named` found."""
    return [*_account_errors(command, accounts), *_time_errors(command, now)]


def _account_errors(command: SubmitMessage, accounts: Set[str]) -> Iterator[FieldError]:
    if command.account is not None and command.account not in accounts:
        remedy = gettext(
            "There is no sender account %(id)s. GET /api/v1/accounts lists them.", id=repr(command.account)
        )
        yield FieldError("account", remedy, "not_found")


def _time_errors(command: SubmitMessage, now: datetime) -> Iterator[FieldError]:
    if command.send_at is not None and command.send_at > now + FURTHEST:
        yield FieldError("send_at", gettext("A message can wait for a year; give an earlier moment."))
    if command.expires_at is None:
        return
    if command.expires_at <= now:
        yield FieldError("expires_at", gettext("This moment is past; give a later one, or leave it out."))
    elif command.expires_at <= command.due_at(now):
        yield FieldError("expires_at", gettext("It must be later than 'send_at', or the message would never be sent."))
