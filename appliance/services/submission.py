"""Accepts a message: one durable write, then a signal. After that nothing can lose it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.errors import FieldError, InvalidInput, LimitReached, QuotaUsedUp
from appliance.services import admission, allowance, idempotency, storing
from appliance.services.allowance import Refused
from appliance.services.idempotency import Once
from appliance.services.outbox import Outbox
from appliance.services.permission import Permission, needs
from appliance.services.submit_message import Accepted, SubmitMessage, Submitter

__all__ = ["Accepted", "Submission", "SubmitMessage", "Submitter"]

UTC = ZoneInfo("UTC")

log = structlog.get_logger(__name__)


class Submission:
    """`fill` gives a message that names a template its content, and returns any other as it is.

    `room` is entered while so many messages are stored; it raises DiskFull or QueueFull when they have none.

    `zone`: where the days of API keys' quotas begin at midnight.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        hostname: str,
        clock: Clock,
        zone: ZoneInfo = UTC,
        fill: Callable[[SubmitMessage], SubmitMessage] = lambda command: command,
        room: Callable[[int], AbstractContextManager[object]] = lambda _: nullcontext(),
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._fill = fill
        self._hostname = hostname
        self._clock = clock
        self._zone = zone
        self._room = room

    @needs(Permission.OPERATE)
    def submit(self, command: SubmitMessage, submitter: Submitter, once: Once | str | None = None) -> Accepted:
        """Durable when it returns. `once`: a key alone is for `command` as it is.

        Raises:
            InvalidInput: the account or template does not exist, or a moment makes no sense by now.
            NotAllowed: its key may not send from that address, or through that account.
            QuotaUsedUp: its key may submit no more today.
            IdempotencyKeyReused: the key came before with another body.
            QueueFull, DiskFull: there is no room for another one.
            StorageUnavailable: nothing was accepted.
        """
        once = _once(command, submitter, once) if isinstance(once, str) else once
        with ExitStack() as room:
            try:
                room.enter_context(self._room(1))
            except LimitReached:
                earlier = self.earlier(once)  # what was accepted is not refused when it is asked for again
                if earlier is None:
                    raise
                return earlier
            return self._accept(command, submitter, once)

    def _accept(self, command: SubmitMessage, submitter: Submitter, once: Once | None) -> Accepted:
        if command.template is not None:
            earlier = self.earlier(once)  # before it is rendered: the template may have changed, or be gone
            if earlier is not None:
                return earlier
            command = self._filled(command)
        command = allowance.applied(command, submitter.limits)
        try:
            accepted = self._store(command, submitter, once)
        except IntegrityError:
            # on a database server two posts with one key can race: the second finds the first's answer
            accepted = self._store(command, submitter, once)
        self._outbox.notify()
        log.debug("message accepted", message=accepted.id, request_id=submitter.request_id)
        return accepted

    def earlier(self, once: Once | None) -> Accepted | None:
        """What was answered when the key came before. Raises IdempotencyKeyReused, StorageUnavailable."""
        if once is None:
            return None
        with self._database.read() as session:
            found = idempotency.earlier_answer(session, once, self._clock())
        return None if found is None else _replayed(found)

    def faults(self, command: SubmitMessage) -> list[FieldError]:
        """What `submit` would find wrong with it now: template and variables, account, moments. Stores nothing."""
        try:
            self._fill(command)
        except InvalidInput as error:
            return [*error.errors, *self._late_faults(command)]
        return self._late_faults(command)

    def _filled(self, command: SubmitMessage) -> SubmitMessage:
        try:
            return self._fill(command)
        except InvalidInput as error:
            raise InvalidInput([*error.errors, *self._late_faults(command)]) from error

    def _late_faults(self, command: SubmitMessage) -> list[FieldError]:
        with self._database.read() as session:
            return admission.errors(command, admission.accounts_named(session, [command]), self._clock())

    def _store(self, command: SubmitMessage, submitter: Submitter, once: Once | None) -> Accepted:
        now = self._clock()
        message = storing.named(command, self._hostname)

        def write(session: Session) -> Accepted | Refused:
            earlier = idempotency.earlier_answer(session, once, now) if once else None
            if earlier is not None:
                return _replayed(earlier)
            wrong = allowance.faults(command, submitter.limits, admission.accounts_named(session, [command]), now)
            if wrong:
                return allowance.refusal(wrong)
            quota = allowance.take(session, submitter, 1, now, self._zone)
            if isinstance(quota, QuotaUsedUp):
                return quota
            [accepted] = storing.insert(session, [message], submitter, now)
            if once:
                idempotency.remember(session, once, _answer(accepted), now)
            return accepted if quota is None else replace(accepted, quota=quota)

        return allowance.given(self._database.write(write))


def _once(command: SubmitMessage, submitter: Submitter, key: str) -> Once | None:
    return Once(submitter.api_key_id or "", key, idempotency.hash_of(asdict(command))) if key else None


def _answer(accepted: Accepted) -> dict[str, Any]:
    return {"id": accepted.id, "status": accepted.status, "created_at": accepted.created_at.isoformat()}


def _replayed(answer: Mapping[str, Any]) -> Accepted:
    return Accepted(answer["id"], answer["status"], datetime.fromisoformat(answer["created_at"]), True)
