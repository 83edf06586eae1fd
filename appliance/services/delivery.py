"""Delivers the messages of a claim: load (short read), send (no transaction open), record (short write)."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from appliance.clock import Clock, local_date
from appliance.config.settings import DeliverySettings, DispatcherSettings
from appliance.db.database import Database
from appliance.db.models import Message, SenderAccount
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.queries import outgoing, suppressions
from appliance.db.queries.outgoing import OutgoingMessage
from appliance.errors import StorageUnavailable
from appliance.histogram import PATIENCE, Histogram
from appliance.mail import retry
from appliance.services import record, suppressed
from appliance.services.account_days import routing_at
from appliance.services.composition import CannotCompose, Composition
from appliance.services.in_flight import InFlight
from appliance.services.transaction import transact
from appliance.services.transports import Transports
from appliance.services.verdict import Attempt, Circumstances, Verdict, expired, judge

STORAGE_RETRY_SECONDS = 1.0
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Delivery:
    def __init__(
        self,
        database: Database,
        transports: Transports,
        composition: Composition,
        in_flight: InFlight,
        *,
        settings: DeliverySettings,
        dispatcher: DispatcherSettings,
        zone: ZoneInfo,
        clock: Clock,
        on_recovery: Callable[[], object],
    ) -> None:
        """`on_recovery` is called when an account that rested works again."""
        self._database = database
        self._transports = transports
        self._composition = composition
        self._in_flight = in_flight
        self._settings = settings
        self._lease = timedelta(seconds=dispatcher.lease_seconds)
        self._zone = zone
        self._clock = clock
        self._on_recovery = on_recovery
        self._patience = threading.Event()
        self.outcomes: Counter[str] = Counter()  # of all attempts of this process, by the state that they led to
        self.durations = Histogram(PATIENCE)  # seconds from when a message was to go to its being sent
        self.latencies: dict[str, Histogram] = {}  # seconds of an attempt, by sender account

    def deliver(self, message_ids: Sequence[str], claim_id: str) -> dict[str, int]:
        """Sends what this claim still holds; returns how many messages came to which state.

        Called twice for the same claim it sends nothing twice: each message is begun by compare-and-set. What is left
        when it ends early (the appliance stops, the account broke) goes back to the outbox.
        """
        with self._in_flight.working(claim_id):
            messages, account, listed = self._load(message_ids, claim_id)
            ended: Counter[str] = Counter()
            if listed:
                ended = self._keep_back(message_ids, claim_id)
                messages, account, _ = self._load(message_ids, claim_id)
            if account is not None:
                ended += self._deliver_all(messages, account)
            self.outcomes.update(ended)
            return dict(ended)

    def _load(self, ids: Sequence[str], claim_id: str) -> tuple[list[OutgoingMessage], SenderAccount | None, bool]:
        """The messages, the account to send them through, and whether a recipient of theirs is suppressed by now."""
        with self._database.read() as session:
            messages = outgoing.of_claim(session, claim_id, ids)
            if not messages:
                return [], None, False
            listed = suppressions.active_for(session, suppressed.emails_of(messages), now=self._clock())
            return messages, outgoing.account(session, messages[0].account_id), bool(listed)

    def _keep_back(self, ids: Sequence[str], claim_id: str) -> Counter[str]:
        now = self._clock()
        return self._insist(lambda session: suppressed.before_sending(session, claim_id, ids, now))

    def _deliver_all(self, messages: Sequence[OutgoingMessage], account: SenderAccount) -> Counter[str]:
        tally: Counter[str] = Counter()
        verdict: Verdict | None = None
        for message in messages:
            if self._in_flight.draining or (verdict and verdict.account_broke):
                break
            if not self._record_and_begin(verdict, message):
                verdict = None
                continue
            with bound_contextvars(request_id=message.request_id):  # in whatever is logged on its way, too
                log.debug("message begun", message=message.id, account=account.name, claim=message.claim_id)
                verdict = self._attempt(message, account)
            tally[verdict.status] += 1
            self._measure(verdict)
        self._record_and_begin(verdict, None)
        return tally

    def _record_and_begin(self, verdict: Verdict | None, following: OutgoingMessage | None) -> bool:
        """One durable write between two messages. True when `following` is ours to send."""
        now = self._clock()

        def write(session: Session) -> bool:
            if verdict is not None:
                record.verdict(session, verdict, now)
            return following is not None and Message.begin(
                session, following.id, claim_id=following.claim_id, lease_until=now + self._lease
            )

        if verdict is not None:
            _log(verdict)
        begun = self._insist(write) if verdict or following else False
        if verdict is not None and verdict.recovered_account_id is not None:
            self._tell_of_recovery()
        return begun

    def _insist(self, write: Callable[[Session], T]) -> T:
        """What a server has accepted must be written down: a full disk is waited for, until the appliance stops."""
        while True:
            try:
                return self._database.write(write)
            except StorageUnavailable:
                if self._in_flight.draining:
                    raise
                self._patience.wait(STORAGE_RETRY_SECONDS)

    def _attempt(self, message: OutgoingMessage, account: SenderAccount) -> Verdict:
        """One attempt: account after account until one can be used, or the message can no longer be sent."""
        attempts: list[Attempt] = []
        reserved_on: tuple[str, str] | None = (account.id, message.claim_day)
        back_at: datetime | None = None
        current: SenderAccount | None = account
        while current is not None:
            attempt = self._try_account(message, current)
            if isinstance(attempt, Verdict):
                return replace(attempt, attempts=tuple(attempts), reserved_on=reserved_on)
            attempts.append(attempt)
            if not attempt.moves_on:
                break
            current, back_at = self._fail_over(message, current, attempts)
            reserved_on = (current.id, local_date(self._clock(), self._zone)) if current else None
        recovered = current.id if current is not None and current.breaker_until is not None else None
        at = Circumstances(self._clock(), self._settings, reserved_on, back_at, recovered)
        return judge(message, tuple(attempts), at)

    def _measure(self, verdict: Verdict) -> None:
        for attempt in verdict.attempts:
            if attempt.account_id not in self.latencies:
                self.latencies[attempt.account_id] = Histogram()
            self.latencies[attempt.account_id].add(attempt.duration_ms / 1000)
        if verdict.status in (MessageStatus.SENT, MessageStatus.PARTIALLY_SENT):
            self.durations.add(max(0.0, (self._clock() - verdict.message.age_from).total_seconds()))

    def _try_account(self, message: OutgoingMessage, account: SenderAccount) -> Attempt | Verdict:
        if message.expired(self._clock()):
            return expired(message)
        try:
            envelope = self._composition.envelope(message, account)
        except CannotCompose as error:
            return Verdict(message, (), MessageStatus.FAILED, Reason.INVALID, str(error), rounds=message.attempts)
        return transact(self._transports.of, envelope, account, clock=self._clock, timer=time.perf_counter)

    def _fail_over(
        self, message: OutgoingMessage, left: SenderAccount, attempts: Sequence[Attempt]
    ) -> tuple[SenderAccount | None, datetime | None]:
        """Rests an account that broke, and no other; returns the next one with its quota reserved, or None and when one
        is back that may take the message.
        """
        tried = frozenset(attempt.account_id for attempt in attempts)
        unfit = frozenset(attempt.account_id for attempt in attempts if attempt.unfit)
        now = self._clock()
        today = local_date(now, self._zone)
        first_day = message.claim_day if len(attempts) == 1 else today

        def write(session: Session) -> tuple[SenderAccount | None, datetime | None]:
            if left.id in unfit:
                SenderAccount.close_breaker(session, left.id, now=now)
            else:
                self._trip(session, left, attempts[-1].detail, now)
            SenderAccount.refund(session, left.id, 1, day=first_day)
            routing = routing_at(session, now, self._zone)
            account = routing.pick(message.choice, excluding=tried)
            if account is None or not self._take_over(session, message, account, now, today):
                return None, routing.obstacle(message.choice, excluding=unfit).until
            return account, None

        _log_leaving(left, attempts[-1], self._rest_of(left))
        found = self._insist(write)
        if left.id in unfit and left.breaker_until is not None:
            self._tell_of_recovery()
        return found

    def _trip(self, session: Session, broken: SenderAccount, error: str, now: datetime) -> None:
        known, rest = broken.breaker_failures, self._rest_of(broken)
        SenderAccount.trip(session, broken.id, known_failures=known, now=now, rest=rest, error=error)

    def _rest_of(self, broken: SenderAccount) -> timedelta:
        return retry.breaker_rest(broken.breaker_failures + 1, self._settings)

    def _tell_of_recovery(self) -> None:
        with suppress(StorageUnavailable):  # who is not released now has a release time
            self._on_recovery()

    def _take_over(
        self, session: Session, message: OutgoingMessage, account: SenderAccount, now: datetime, today: str
    ) -> bool:
        if account.breaker_until is not None and not SenderAccount.probe(
            session, account.id, now=now, until=now + self._lease
        ):
            return False
        return Message.change_account(
            session, message.id, claim_id=message.claim_id, account_id=account.id, day=today
        ) and SenderAccount.reserve(session, account.id, 1, today=today, now=now)


def _log_leaving(left: SenderAccount, last: Attempt, rest: timedelta) -> None:
    if last.unfit:
        log.info("sender account cannot take this message", account=left.name, reason=last.detail)
        return
    log.warning(
        "sender account cannot be used",
        account=left.name,
        rest_seconds=round(rest.total_seconds()),
        failures=left.breaker_failures + 1,
        reason=last.detail,
    )


def _log(verdict: Verdict) -> None:
    last = verdict.attempts[-1] if verdict.attempts else None
    write = log.info if verdict.status in (MessageStatus.SENT, MessageStatus.PARTIALLY_SENT) else log.warning
    write(
        "message " + verdict.status.replace("_", " "),
        message=verdict.message.id,
        request_id=verdict.message.request_id,
        account=last.account_name if last else "",
        reply=str(last.reply) if last else verdict.detail,
        ms=last.duration_ms if last else 0,
    )
