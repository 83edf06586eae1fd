"""The list of addresses that must not be sent to: what goes onto it, and what happens when something comes off."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Message, Recipient, Suppression
from appliance.db.models.message import WAITING
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import suppressions
from appliance.errors import NotFound
from appliance.mail.addresses import InvalidAddress
from appliance.services import suppression_csv
from appliance.services.outbox import Outbox
from appliance.services.suppression_csv import Refusal
from appliance.services.suppression_entry import canonical, checked

STEP = 500  # rows changed in one write, so that a hundred thousand hold nobody up
EXPORT_STEP = 1000
MOST_REFUSED_SHOWN = 100

RunNative = Callable[[Callable[[], Any]], Any]


@dataclass(frozen=True, slots=True)
class Removal:
    """`stopped`: messages that it had kept from a recipient; `released`: those that now go there.

    The rest were just being sent to others, cancelled, or past their expiry.
    """

    id: str
    address: str
    stopped: int
    released: int = 0


@dataclass(frozen=True, slots=True)
class Imported:
    """`refused` has the first of the rows that were left out, `refused_count` counts them all."""

    imported: int
    refused_count: int
    refused: tuple[Refusal, ...]


class Suppressions:
    """`run_native` keeps reading a long list off the event loop."""

    def __init__(self, database: Database, outbox: Outbox, *, run_native: RunNative, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._run_native = run_native
        self._clock = clock

    def add(
        self, address: str, reason: str = "", *, source: SuppressionSource, expires_at: datetime | None = None
    ) -> str:
        """Suppresses an address or a whole domain, or changes the entry that it has already. Returns the entry's id.

        Holds for messages that wait already: each batch asks again before it is sent.

        Raises:
            InvalidInput: with every field that is wrong.
        """
        now = self._clock()
        row = checked(address, reason, expires_at, now).row(source, now)

        def write(session: Session) -> str:
            Suppression.put(session, [row])
            entry = suppressions.one(session, row["address"])
            assert entry is not None  # put there in this very transaction
            return entry.id

        return self._database.write(write)

    def remove(self, key: str, *, release: bool = False) -> Removal:
        """Takes off an entry by its id, address or domain. `release`: what it stopped goes out, to whom it was stopped.

        Dying half-way through a release leaves the entry expired, and the same call goes on from there.

        Raises:
            NotFound: it is not on the list.
        """
        removal = self._database.write(partial(_take_off, key_of(key), release, self._clock()))
        if not release:
            return removal
        released = self._release(removal.id)
        self._database.write(partial(_forget_released, removal.id, self._clock()))
        return replace(removal, released=released)

    def import_csv(self, content: bytes) -> Imported:
        """An entry for each row that is right; `suppression_csv.read` says how they look. Harmless twice.

        Raises:
            InvalidInput: it is no CSV; nothing was imported.
        """
        now = self._clock()
        entries, refused = self._run_native(lambda: suppression_csv.read(content, now))
        for some in _steps([entry.row(SuppressionSource.IMPORT, now) for entry in entries]):
            self._database.write(partial(_put, some))
        return Imported(len(entries), len(refused), tuple(refused[:MOST_REFUSED_SHOWN]))

    def export_csv(self) -> Iterator[str]:
        """Pieces of a CSV that `import_csv` takes, read from the database while they are written out."""
        yield suppression_csv.header()
        now, after = self._clock(), ""
        while some := self._export_step(now, after):
            yield "".join(suppression_csv.line(entry) for entry in some)
            after = some[-1].address

    def cleanup_expired(self) -> dict[str, int]:
        """They stop nothing any more; this keeps the list short."""
        now, removed = self._clock(), 0
        while some := self._database.write(partial(Suppression.remove_expired, now=now, limit=STEP)):
            removed += some
        return {"removed": removed}

    def _export_step(self, now: datetime, after: str) -> Sequence[Suppression]:
        with self._database.read() as session:
            return suppressions.by_address(session, now=now, after=after, limit=EXPORT_STEP)

    def _release(self, suppression_id: str) -> int:
        """Goes by age and looks at each message once: what is suppressed anew meanwhile is not released again."""
        released, last = 0, ""
        while step := self._database.write(partial(_release_step, suppression_id, last, self._clock())):
            last, count = step
            released += count
        if released:
            self._outbox.notify()
        return released


def key_of(text: str) -> str:
    """What `suppressions.one` looks for. Raises NotFound when it could not be on the list."""
    if text.startswith(suppressions.ID_PREFIX):
        return text
    try:
        return canonical(text)
    except InvalidAddress as error:
        raise NotFound("suppression", text[:320]) from error


def _put(rows: list[dict[str, Any]], session: Session) -> None:
    Suppression.put(session, rows)


def _take_off(key: str, release: bool, now: datetime, session: Session) -> Removal:
    entry = suppressions.one(session, key)
    if entry is None:
        raise NotFound("suppression", key)
    removal = Removal(entry.id, entry.address, suppressions.stopped_counts(session, [entry.id]).get(entry.id, 0))
    if release:
        Suppression.expire(session, entry.id, now=now)
    else:
        session.delete(entry)
    return removal


def _release_step(suppression_id: str, after: str, now: datetime, session: Session) -> tuple[str, int] | None:
    """The id of the last message that was looked at, and how many now go out. None: there are no more.

    A message that is being sent is left alone: its worker knows only the recipients that it began with.
    """
    stopped = suppressions.stopped_messages(session, suppression_id, after=after, limit=STEP)
    if not stopped:
        return None
    waiting = [message_id for message_id, status in stopped if status in WAITING]
    reopened = Message.reopen(session, [message_id for message_id, _ in stopped], now=now)
    Recipient.release(session, [*waiting, *reopened], suppression_id=suppression_id)
    return stopped[-1][0], len(waiting) + len(reopened)


def _forget_released(suppression_id: str, now: datetime, session: Session) -> None:
    """Unless somebody has suppressed it anew meanwhile."""
    session.execute(delete(Suppression).where(Suppression.id == suppression_id, Suppression.expires_at <= now))


def _steps(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return (rows[start : start + STEP] for start in range(0, len(rows), STEP))
