"""What the last test of a sender account came to, while that still says something of the account."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.models import AuditEntry, DeliveryAttempt, SenderAccount
from appliance.db.models.delivery_attempt import AttemptOutcome

TESTED = "account.tested"
LOOKED_THROUGH = 500  # attempts, of all accounts: they are in no other order than that of time


@dataclass(frozen=True, slots=True)
class FailedTest:
    at: datetime
    error: str


def still_failed(session: Session, account: SenderAccount) -> FailedTest | None:
    """None: there was no test, or the last one went well, or the account was changed or has sent since."""
    last = _last(session, account.id)
    if last is None or last.detail.get("ok") or last.at < account.updated_at:
        return None
    if _has_sent_since(session, account.id, last.at):
        return None
    return FailedTest(last.at, str(last.detail.get("error", "")))


def _last(session: Session, account_id: str) -> AuditEntry | None:
    query = select(AuditEntry).where(AuditEntry.target == account_id, AuditEntry.action == TESTED)
    return session.scalars(query.order_by(AuditEntry.id.desc()).limit(1)).first()


def _has_sent_since(session: Session, account_id: str, moment: datetime) -> bool:
    wanted = DeliveryAttempt.id, DeliveryAttempt.account_id, DeliveryAttempt.outcome, DeliveryAttempt.started_at
    newest = select(*wanted).order_by(DeliveryAttempt.id.desc()).limit(LOOKED_THROUGH).subquery()
    sent = select(newest.c.id).where(
        newest.c.account_id == account_id,
        newest.c.outcome.in_([AttemptOutcome.SENT, AttemptOutcome.PARTIAL]),
        newest.c.started_at > moment,
    )
    return session.scalar(sent.limit(1)) is not None
