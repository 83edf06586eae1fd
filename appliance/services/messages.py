"""What a person or program does to a message that exists: cancel, retry, release."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Message, Recipient
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.message_removal import remove_finished
from appliance.db.queries import messages
from appliance.errors import ContentRemoved, NotFound, WrongState
from appliance.language import gettext
from appliance.services import audit
from appliance.services.outbox import Outbox
from appliance.services.permission import Permission, needs

RELEASE_STEP = 500  # rows changed in one write, so that a release of a hundred thousand holds nobody up


class Messages:
    def __init__(self, database: Database, outbox: Outbox, *, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    @needs(Permission.OPERATE)
    def cancel(self, message_id: str, *, api_key_id: str | None = None) -> None:
        """Raises NotFound, or WrongState when a worker holds it already or it has ended."""
        now = self._clock()
        self._change(message_id, api_key_id, "cancelled", lambda s: bool(Message.cancel(s, [message_id], now=now)))

    @needs(Permission.OPERATE)
    def retry(self, message_id: str, *, api_key_id: str | None = None) -> None:
        """Queues it again for those recipients that were not accepted. Raises NotFound, WrongState, ContentRemoved."""
        now = self._clock()

        def write(session: Session) -> bool:
            if not Message.retry(session, [message_id], now=now):
                _require_content_and_time(session, message_id, now)
                return False
            Recipient.retry(session, [message_id])
            return True

        self._change(message_id, api_key_id, "retried", write)
        self._outbox.notify()

    @needs(Permission.OPERATE)
    def release(self, message_id: str) -> None:
        """Queues a held one as it is: what it was tried before still counts. Raises NotFound, WrongState."""
        now = self._clock()
        self._change(message_id, None, "released", lambda s: bool(Message.release(s, [message_id], now=now)))
        self._outbox.notify()

    @needs(Permission.OPERATE)
    def delete(self, message_id: str) -> None:
        """For good, with all that is known of it. Raises NotFound, or WrongState while it has not ended."""

        def write(session: Session) -> bool:
            if not remove_finished(session, [message_id]):
                raise WrongState(
                    gettext("Only a message that has ended can be deleted. Cancel it, or let it go out first.")
                )
            return True

        self._change(message_id, None, "deleted", write)

    def release_held(self, reasons: Iterable[Reason]) -> int:
        """Queues what was held for one of `reasons`; what still cannot go is held again with today's reason.

        Goes by age and looks at each message once: what is held again meanwhile is not released again.
        """
        released, last, wanted = 0, "", list(reasons)
        while step := self._database.write(partial(self._release_step, wanted, last)):
            released, last = released + len(step), step[-1]
        if released:
            self._outbox.notify()
        return released

    def _release_step(self, reasons: list[Reason], after: str, session: Session) -> Sequence[str]:
        ids = messages.held_ids(session, reasons, after=after, limit=RELEASE_STEP)
        if ids:
            Message.release(session, ids, now=self._clock())
        return ids

    def _change(self, message_id: str, api_key_id: str | None, verb: str, change: Callable[[Session], bool]) -> None:
        row = audit.entry(f"message.{verb}", message_id, {}, self._clock())

        def write(session: Session) -> None:
            status = messages.status_of(session, message_id, api_key_id, to_change=True)
            if status is None:
                raise NotFound("message", message_id)
            if not change(session):
                raise WrongState(_refusal(verb, status))
            AuditEntry.note(session, row | {"detail": {"was": status}})

        self._database.write(write)


def _require_content_and_time(session: Session, message_id: str, now: datetime) -> None:
    message = session.get(Message, message_id)
    if message is not None and message.content_removed_at is not None:
        raise ContentRemoved(gettext("The message cannot be retried: its content is no longer kept. Submit it anew."))
    if message is not None and message.expires_at is not None and message.expires_at <= now:
        raise WrongState(
            gettext("The message cannot be retried: it has expired. Submit it anew, with a later 'expires_at'.")
        )


def _refusal(verb: str, status: str) -> str:
    words = {
        MessageStatus.SENDING: gettext("being sent right now; look again in a moment"),
        MessageStatus.SENT: gettext("sent already"),
        MessageStatus.CANCELLED: gettext("cancelled already"),
        MessageStatus.QUEUED: gettext("queued: it goes out as soon as a slot is free"),
    }
    facts = {"state": words.get(MessageStatus(status), status)}
    return {
        "cancelled": gettext("The message cannot be cancelled: it is %(state)s.", **facts),
        "retried": gettext("The message cannot be retried: it is %(state)s.", **facts),
        "released": gettext("The message cannot be released: it is %(state)s.", **facts),
    }[verb]
