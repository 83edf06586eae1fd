"""Accepts many messages at once: each is judged on its own, and all that are accepted are one durable write."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.errors import FieldError, InvalidInput, QuotaUsedUp
from appliance.services import admission, allowance, idempotency, storing
from appliance.services.allowance import Refused
from appliance.services.idempotency import Once
from appliance.services.key_limits import KeyLimits, Quota
from appliance.services.outbox import Outbox
from appliance.services.pace import Pace
from appliance.services.permission import Permission, needs
from appliance.services.storing import NewMessage
from appliance.services.submit_message import Accepted, SubmitMessage, Submitter

UTC = ZoneInfo("UTC")
STEP = 25  # messages between two looks at the time

Refusal = tuple[FieldError, ...]
"""Every wrong field of one message, named as if it had been submitted alone."""


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """`results` are in the order of the messages."""

    results: tuple[Accepted | Refusal, ...]
    replayed: bool = False
    quota: Quota | None = None

    @property
    def accepted(self) -> int:
        return sum(isinstance(one, Accepted) for one in self.results)


@dataclass(frozen=True, slots=True)
class Form:
    """How the messages came: the list that they stood in, and the fields that all of them share."""

    place: str = "messages"
    shared: Set[str] = frozenset()


EACH_ITS_OWN = Form()


class BatchSubmission:
    """`room` is entered while so many messages are stored; it raises DiskFull or QueueFull when they have none."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        hostname: str,
        clock: Clock,
        zone: ZoneInfo = UTC,
        room: Callable[[int], AbstractContextManager[object]] = lambda _: nullcontext(),
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._hostname = hostname
        self._clock = clock
        self._zone = zone
        self._room = room

    @needs(Permission.OPERATE)
    def submit(
        self,
        items: Sequence[SubmitMessage | Refusal],
        submitter: Submitter,
        *,
        atomic: bool = False,
        once: Once | None = None,
        form: Form = EACH_ITS_OWN,
    ) -> BatchAnswer:
        """Durable when it returns. `items` holds the refusal of a message where it was found to be wrong already.

        Raises:
            InvalidInput: no message was accepted; with `atomic`, one of them was refused. Names `messages[3].to[0]`.
                Or a field that all share is wrong: it is named once, by itself.
            NotAllowed: the same, when all that is wrong is that the API key may not.
            QuotaUsedUp: the API key may not submit as many messages today as could be accepted; none was.
            IdempotencyKeyReused: the key came before with another body.
            QueueFull, DiskFull: there is no room for all of them; none was accepted.
            StorageUnavailable: nothing was accepted.
        """
        with self._room(len(items)):
            return self._accept(items, submitter, atomic, once, form)

    def _accept(
        self,
        items: Sequence[SubmitMessage | Refusal],
        submitter: Submitter,
        atomic: bool,
        once: Once | None,
        form: Form,
    ) -> BatchAnswer:
        named = [self._named(one, submitter.limits) if isinstance(one, SubmitMessage) else one for one in items]
        try:
            answer = self._store(named, submitter, atomic, once, form)
        except IntegrityError:
            # on a database server two batches with one key can race: the second finds the first's answer
            answer = self._store(named, submitter, atomic, once, form)
        self._outbox.notify()
        return answer

    def _named(self, command: SubmitMessage, limits: KeyLimits) -> NewMessage:
        return storing.named(allowance.applied(command, limits), self._hostname)

    def earlier(self, once: Once) -> BatchAnswer | None:
        """What was answered when the key came before: asked first, a repetition costs no rendering.

        Raises IdempotencyKeyReused, StorageUnavailable.
        """
        with self._database.read() as session:
            found = idempotency.earlier_answer(session, once, self._clock())
        return None if found is None else _replayed(found)

    def _store(
        self, items: Sequence[NewMessage | Refusal], submitter: Submitter, atomic: bool, once: Once | None, form: Form
    ) -> BatchAnswer:
        now = self._clock()

        def write(session: Session) -> BatchAnswer | Refused:
            earlier = idempotency.earlier_answer(session, once, now) if once else None
            if earlier is not None:
                return _replayed(earlier)
            admitted = _admit(session, items, submitter.limits, now)
            refused = _refusal(admitted, atomic, form)
            if refused is not None:
                return refused
            new = sum(isinstance(one, NewMessage) for one in admitted)
            quota = allowance.take(session, submitter, new, now, self._zone)
            if isinstance(quota, QuotaUsedUp):
                return quota
            answer = BatchAnswer(tuple(_insert(session, admitted, submitter, now)), quota=quota)
            if once:
                idempotency.remember(session, once, _remembered(answer), now)
            return answer

        return allowance.given(self._database.write(write))


def _admit(
    session: Session, items: Sequence[NewMessage | Refusal], limits: KeyLimits, now: datetime
) -> list[NewMessage | Refusal]:
    """What can be wrong only now, or only for this API key, is a refusal as well."""
    commands = [one.command for one in items if isinstance(one, NewMessage)]
    accounts = admission.accounts_named(session, commands)

    def judged(one: NewMessage) -> NewMessage | Refusal:
        return tuple(allowance.faults(one.command, limits, accounts, now)) or one

    return [judged(one) if isinstance(one, NewMessage) else one for one in items]


def _refusal(items: Sequence[NewMessage | Refusal], atomic: bool, form: Form) -> InvalidInput | None:
    """Of the whole batch."""
    refused = [(index, one) for index, one in enumerate(items) if not isinstance(one, NewMessage)]
    in_common = dict.fromkeys(error for _, errors in refused for error in errors if error.field in form.shared)
    if in_common:
        return allowance.refusal(in_common)
    if len(refused) == len(items) or (atomic and refused):
        wrong = (_in_batch(form.place, index, error) for index, errors in refused for error in errors)
        return allowance.refusal(wrong)
    return None


def _in_batch(place: str, index: int, error: FieldError) -> FieldError:
    place = f"{place}[{index}]"
    return FieldError(f"{place}.{error.field}" if error.field else place, error.message, error.code)


def _insert(
    session: Session, items: Sequence[NewMessage | Refusal], submitter: Submitter, now: datetime
) -> Iterator[Accepted | Refusal]:
    """The transaction stays open over the pauses; whoever else writes waits for the whole batch."""
    pace = Pace()
    for start in range(0, len(items), STEP):
        step = items[start : start + STEP]
        stored = storing.insert(session, [one for one in step if isinstance(one, NewMessage)], submitter, now)
        accepted = iter(stored)
        yield from (next(accepted) if isinstance(one, NewMessage) else one for one in step)
        pace.step()


def _remembered(answer: BatchAnswer) -> Mapping[str, Any]:
    """As a text inside the JSON: the name of an unknown field may hold NUL, which PostgreSQL takes in no JSON."""
    return {"results": json.dumps([_as_json(one) for one in answer.results])}


def _as_json(result: Accepted | Refusal) -> Any:
    if isinstance(result, Accepted):
        return {"id": result.id, "status": result.status, "created_at": result.created_at.isoformat()}
    return [asdict(error) for error in result]


def _replayed(answer: Mapping[str, Any]) -> BatchAnswer:
    return BatchAnswer(tuple(_from_json(one) for one in json.loads(answer["results"])), replayed=True)


def _from_json(result: Any) -> Accepted | Refusal:
    if isinstance(result, dict):
        return Accepted(result["id"], result["status"], datetime.fromisoformat(result["created_at"]), True)
    return tuple(FieldError(**error) for error in result)
