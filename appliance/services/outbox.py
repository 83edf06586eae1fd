"""Claims messages out of the outbox: due messages, divided over free slots, each slot one sender account."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import Clock, local_date
from appliance.config.settings import DispatcherSettings
from appliance.db.database import Database
from appliance.db.models import Message, SenderAccount
from appliance.db.models.message import Priority
from appliance.db.queries import box, outbox
from appliance.db.queries.outbox import Due
from appliance.db.types import new_id
from appliance.services.account_days import routing_at
from appliance.services.expiry import expire
from appliance.services.in_flight import Claim
from appliance.services.routing import Obstacle, Routing

MOST_SET_ASIDE = 200  # messages in one round


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the outbox came to. `more`: it was worth looking again at once."""

    claims: list[Claim] = field(default_factory=list)
    held: int = 0
    more: bool = False


class Outbox:
    def __init__(
        self, database: Database, settings: DispatcherSettings, *, box_id: str, zone: ZoneInfo, clock: Clock
    ) -> None:
        self._database = database
        self._settings = settings
        self._zone = zone
        self._clock = clock
        self._woken = threading.Event()
        self.claim_prefix = f"clm_{box_id}_"

    def notify(self) -> None:
        """Something may have become due or a slot free. Called after the commit; losing the call costs one poll."""
        self._woken.set()

    def wait(self, timeout: float) -> None:
        """Returns when notified, or after `timeout` seconds."""
        self._woken.wait(timeout)
        self._woken.clear()

    def has_due(self) -> bool:
        """Nothing is while the box is paused."""
        with self._database.read() as session:
            return box.pause(session) is None and outbox.has_due(session, now=self._clock())

    def claim(self, free_slots: int, free_high_slots: int) -> Round:
        """Moves due messages to `sending` with their account's quota reserved, or to `held` when none can take them.

        While the box is paused it moves nothing.
        """
        now = self._clock()
        return self._database.write(lambda session: self._claim(session, free_slots, free_high_slots, now))

    def expire(self) -> int:
        """Ends what is past its expiry and waits for something else, step by step. Returns how many messages."""
        expired = 0
        while ids := self._past_expiry():
            now = self._clock()
            expired += self._database.write(partial(expire, message_ids=ids, now=now))
        return expired

    def renew(self, claim_ids: set[str]) -> None:
        """A worker is at these claims: their leases start anew."""
        until = self._lease(self._clock())
        if claim_ids:
            self._database.write(lambda session: Message.renew(session, claim_ids, lease_until=until))

    def _past_expiry(self) -> Sequence[str]:
        with self._database.read() as session:
            return outbox.expired(session, now=self._clock())

    def closed_claims(self, claim_ids: set[str]) -> set[str]:
        """Those that hold no message any more."""
        if not claim_ids:
            return set()
        with self._database.read() as session:
            return claim_ids - outbox.claims_open(session, claim_ids)

    def _claim(self, session: Session, free_slots: int, free_high_slots: int, now: datetime) -> Round:
        if box.pause(session) is not None:
            return Round()
        routing = routing_at(session, now, self._zone)
        claimant = _Claimant(session, routing, self._settings.batch_size, self._new_claim(now), now)
        high = claimant.take([Priority.HIGH], free_high_slots + free_slots, now)
        claims = [replace(claim, high_priority=index < free_high_slots) for index, claim in enumerate(high)]
        free_slots -= max(0, len(high) - free_high_slots)
        claims += claimant.take([Priority.NORMAL, Priority.LOW], free_slots, now)
        claimant.set_aside(now)
        return Round(claims, claimant.held, more=claimant.more)

    def _new_claim(self, now: datetime) -> "ClaimMaker":
        today, lease_until = local_date(now, self._zone), self._lease(now)

        def make(session: Session, account_id: str, ids: Sequence[str], *, probe: bool) -> Claim | None:
            claim = Claim(new_id(self.claim_prefix[:-1]), account_id, tuple(ids))
            if probe and not SenderAccount.probe(session, account_id, now=now, until=lease_until):
                return None
            if not SenderAccount.reserve(session, account_id, len(ids), today=today, now=now):
                return None  # another box was faster: they stay due
            Message.claim(session, ids, claim_id=claim.id, account_id=account_id, day=today, lease_until=lease_until)
            return claim

        return make

    def _lease(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._settings.lease_seconds)


ClaimMaker = Callable[..., Claim | None]


class _Claimant:
    """One claim of the outbox inside one transaction."""

    def __init__(self, session: Session, routing: Routing, batch_size: int, make: ClaimMaker, now: datetime) -> None:
        self._session = session
        self._routing = routing
        self._batch_size = batch_size
        self._make = make
        routes = (None, *outbox.due_routes(session, now=now))
        self._open = [route for route in routes if routing.offers(route)]
        self._closed = [route for route in routes if not routing.offers(route)]
        self.held = 0
        self.more = False

    def take(self, priorities: list[Priority], slots: int, now: datetime) -> list[Claim]:
        if slots <= 0:
            return []
        limit = slots * self._batch_size
        messages = outbox.due(self._session, priorities, now=now, limit=limit, routes=self._open)
        routed, stuck = self._route(self._in_time(messages, now))
        self._hold(stuck)
        batches = _divide(routed, slots, self._batch_size)
        self._return_unused(routed, batches)
        claimed = sum(len(ids) for _, ids in batches)
        self.more = self.more or len(messages) == limit or claimed < len(messages)
        made = (
            self._make(self._session, account_id, ids, probe=self._routing.is_probe(account_id))
            for account_id, ids in batches
        )
        return [claim for claim in made if claim is not None]

    def set_aside(self, now: datetime) -> None:
        """Holds what has no account to go out through, some at a time: it must not keep what has one from going."""
        messages = outbox.due(self._session, list(Priority), now=now, limit=MOST_SET_ASIDE, routes=self._closed)
        _, stuck = self._route(self._in_time(messages, now))
        self._hold(stuck)
        self.more = self.more or len(messages) == MOST_SET_ASIDE

    def _in_time(self, messages: Sequence[Due], now: datetime) -> list[Due]:
        """Those whose expiry is not past; the others end here."""
        late = [message_id for message_id, _, expires_at, _ in messages if expires_at is not None and expires_at <= now]
        if not late:
            return list(messages)
        expire(self._session, late, now)
        return [message for message in messages if message[0] not in late]

    def _route(self, messages: Sequence[Due]) -> tuple[dict[str, list[str]], dict[str | None, list[str]]]:
        routed: dict[str, list[str]] = {}
        stuck: dict[str | None, list[str]] = {}
        for message_id, choice, *_ in messages:
            account = None if choice in stuck else self._routing.pick(choice)
            if account is None:
                stuck.setdefault(choice, []).append(message_id)
            else:
                routed.setdefault(account.id, []).append(message_id)
        return routed, stuck

    def _hold(self, stuck: dict[str | None, list[str]]) -> None:
        for choice, ids in stuck.items():
            obstacle: Obstacle = self._routing.obstacle(choice)
            self.held += len(Message.hold(self._session, ids, reason=obstacle.reason, until=obstacle.until))

    def _return_unused(self, routed: dict[str, list[str]], batches: list[tuple[str, list[str]]]) -> None:
        for account_id, ids in routed.items():
            used = sum(len(batch) for batch_account, batch in batches if batch_account == account_id)
            self._routing.put_back(account_id, len(ids) - used)


def _divide(routed: dict[str, list[str]], slots: int, batch_size: int) -> list[tuple[str, list[str]]]:
    """Batches of one account each, at most `slots` of them, even in size, each account in turn."""
    total = sum(len(ids) for ids in routed.values())
    size = min(batch_size, max(1, -(-total // slots)))
    by_account = [
        [(account_id, ids[start : start + size]) for start in range(0, len(ids), size)]
        for account_id, ids in routed.items()
    ]
    in_turn = [batch for layer in zip_longest(*by_account) for batch in layer if batch is not None]
    return in_turn[:slots]
