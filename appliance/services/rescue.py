"""Brings back messages whose worker is gone: what was not begun is queued again, what was begun is uncertain."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import DeliverySettings
from appliance.db.database import Database
from appliance.db.models import DeliveryAttempt, Message, SenderAccount
from appliance.db.models.base import insert_rows
from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.queries import outbox
from appliance.sentences import kept
from appliance.services.verdict import after_uncertain, before_expiry

UNCERTAIN = kept(
    "The appliance stopped between handing the message to the server and hearing its answer, "
    "so whether it was accepted is unknown."
)

log = structlog.get_logger(__name__)


class Rescue:
    def __init__(self, database: Database, settings: DeliverySettings, *, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    def leftovers(self, claim_ids: Iterable[str]) -> int:
        """What claims that have ended still hold. Returns how many messages were brought back."""
        rescued = sum(self._rescue(claim_id) for claim_id in claim_ids)
        if rescued:
            log.info("messages brought back to the outbox", messages=rescued)
        return rescued

    def stale(self) -> set[str]:
        """Rescues what nobody reported on until its lease ran out; returns the claims."""
        with self._database.read() as session:
            claim_ids = outbox.stale_claims(session, now=self._clock())
        self.leftovers(claim_ids)
        return set(claim_ids)

    def of_box(self, claim_prefix: str, *, at_work: Collection[str] = ()) -> int:
        """At start: what an earlier process of this box held when it died.

        `at_work`: claims that this process has handed out itself, if only its dispatcher starts anew.
        """
        return self._until_none(lambda session: outbox.claims_of_box(session, claim_prefix, excluding=at_work))

    def _until_none(self, find: Callable[[Session], Sequence[str]]) -> int:
        rescued = 0
        while True:
            with self._database.read() as session:
                claim_ids = find(session)
            if not claim_ids:
                return rescued
            rescued += self.leftovers(claim_ids)

    def _rescue(self, claim_id: str) -> int:
        now = self._clock()
        return self._database.write(lambda session: self._bring_back(session, claim_id, now))

    def _bring_back(self, session: Session, claim_id: str, now: datetime) -> int:
        messages = outbox.claimed(session, claim_id)
        unused: Counter[tuple[str, str]] = Counter()
        for message in messages:
            if message.begun:
                self._mark_uncertain(session, message, now)
            else:
                _queue_again(session, message, now)
                unused[message.claim_account_id or "", message.claim_day] += 1
        for (account_id, day), count in unused.items():
            SenderAccount.refund(session, account_id, count, day=day)
        return len(messages)

    def _mark_uncertain(self, session: Session, message: Message, now: datetime) -> None:
        rounds = message.attempts + 1
        status, due_at = after_uncertain(rounds, message.age_from, now, self._settings)
        account = session.get(SenderAccount, message.claim_account_id) if message.claim_account_id else None
        insert_rows(session, DeliveryAttempt, _attempt(message, account, rounds, now))
        Message.put_back(
            session,
            message.id,
            claim_id=message.claim_id or "",
            status=status,
            reason=Reason.UNCERTAIN,
            detail=UNCERTAIN,
            due_at=before_expiry(due_at, message.expires_at),
            attempts=rounds,
            now=now,
            account_id=message.claim_account_id,
        )


def _queue_again(session: Session, message: Message, now: datetime) -> None:
    Message.put_back(
        session,
        message.id,
        claim_id=message.claim_id or "",
        status=MessageStatus.QUEUED,
        reason="",
        detail="",
        due_at=now,
        attempts=message.attempts,
        now=now,
    )


def _attempt(message: Message, account: SenderAccount | None, number: int, now: datetime) -> dict[str, object]:
    """What the worker would have written, as far as it is known without it."""
    return {
        "message_id": message.id,
        "number": number,
        "claim_id": message.claim_id,
        "account_id": message.claim_account_id,
        "account_name": account.name if account else "",
        "server": f"{account.host}:{account.port}" if account and account.host else "",
        "stage": "",
        "outcome": AttemptOutcome.UNCERTAIN,
        "reply_code": None,
        "reply_text": UNCERTAIN,
        "started_at": now,
        "duration_ms": 0,
    }
