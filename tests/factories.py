"""Valid things to start a test from; overrides name what the test is about."""

from contextlib import suppress
from typing import Any

from sqlalchemy.orm import Session

from appliance.db.models import DeliveryAttempt, Message, MessageBody, MessageSearch, Recipient, SenderAccount
from appliance.db.models.base import insert_rows
from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.db.models.message import MessageStatus, Priority
from appliance.db.models.recipient import RecipientKind, RecipientStatus
from appliance.db.subject_text import searchable
from appliance.db.types import new_id, number_of
from appliance.mail.addresses import Address
from appliance.services.sender_accounts import AccountForm
from appliance.services.submission import SubmitMessage
from tests.fakes import NOON
from tests.smtp_sink import SmtpSink


def submit_message(*to: str, **overrides: Any) -> SubmitMessage:
    """`submit_message("ann@example.com", priority=Priority.HIGH)`."""
    fields: dict[str, Any] = {
        "to": tuple(Address(email) for email in to or ("ann@example.com",)),
        "subject": "Hello",
        "text": "Hello Ann",
    }
    return SubmitMessage(**fields | overrides)


def account_form(sink: SmtpSink | None = None, **overrides: Any) -> AccountForm:
    """Of an account whose server is `sink`, or one that nobody listens at."""
    fields: dict[str, Any] = {
        "name": "Shop",
        "email": "shop@example.com",
        "host": "127.0.0.1",
        "port": sink.port if sink else 9,
        "security": "none",
    }
    return AccountForm(**fields | overrides)


def add_account(session: Session, **overrides: Any) -> str:
    """A row, as it stands in the database. Returns its id."""
    fields: dict[str, Any] = {
        "id": new_id("acc"),
        "name": "Shop",
        "email": "shop@example.com",
        "transport": "smtp",
        "host": "127.0.0.1",
        "port": 9,
        "security": "none",
        "created_at": NOON,
        "updated_at": NOON,
    }
    insert_rows(session, SenderAccount, fields | overrides)
    return str((fields | overrides)["id"])


def add_message(session: Session, *to: str, **overrides: Any) -> str:
    """A message in whatever state `overrides` says, queued unless they do. Returns its id."""
    fields: dict[str, Any] = {
        "id": new_id("msg"),
        "status": MessageStatus.QUEUED,
        "priority": Priority.NORMAL,
        "subject": "Hello",
        "reply_to": [],
        "headers": {},
        "tags": [],
        "metadata": {},
        "rfc_message_id": "<1@box.example>",
        "created_at": NOON,
        "due_at": NOON,
    }
    row = fields | overrides
    insert_rows(session, Message, row)
    insert_rows(session, MessageBody, {"message_id": row["id"], "text": "Hello Ann", "html": None})
    _add_to_search(session, row["id"], row["subject"])
    for email in to or ("ann@example.com",):
        add_recipient(session, row["id"], email=email)
    return str(row["id"])


def _add_to_search(session: Session, message_id: str, subject: str) -> None:
    with suppress(ValueError):  # a test may give its message an id that is none
        number = number_of(message_id)
        MessageSearch.add(session, [{"number": number, "message_id": message_id, "text": searchable(subject)}])


def add_recipient(session: Session, message_id: str, **overrides: Any) -> None:
    fields: dict[str, Any] = {
        "message_id": message_id,
        "kind": RecipientKind.TO,
        "email": "ann@example.com",
        "name": "",
        "status": RecipientStatus.PENDING,
    }
    insert_rows(session, Recipient, fields | overrides)


def add_attempt(session: Session, message_id: str, **overrides: Any) -> None:
    fields: dict[str, Any] = {
        "message_id": message_id,
        "number": 1,
        "claim_id": "clm_test_1",
        "outcome": AttemptOutcome.SENT,
        "started_at": NOON,
    }
    insert_rows(session, DeliveryAttempt, fields | overrides)
