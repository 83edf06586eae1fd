"""The list of addresses that must not be sent to: what goes onto it, and what happens when something comes off."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Suppression
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import suppressions
from appliance.errors import NotFound
from appliance.language import in_this_language
from appliance.mail.addresses import InvalidAddress
from appliance.services import audit, suppression_csv
from appliance.services.permission import Permission, needs
from appliance.services.suppression_csv import Refusal
from appliance.services.suppression_entry import Entry, canonical, checked
from appliance.services.suppression_release import SuppressionRelease

STEP = 500  # rows changed in one write, so that a hundred thousand hold nobody up
EXPORT_STEP = 1000
RELEASED_AT_ONCE = 1000  # messages; more would keep whoever asks waiting
MOST_REFUSED_SHOWN = 100

RunNative = Callable[[Callable[[], Any]], Any]


@dataclass(frozen=True, slots=True)
class Removal:
    """`stopped`: messages that it had kept from a recipient; `released`: those that now go there.

    The rest were just being sent to others, cancelled, or past their expiry. With `job_id` they go there by and by, and
    the job counts them.
    """

    id: str
    address: str
    stopped: int
    released: int = 0
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """`refused` has the first of the rows that were left out, `refused_count` counts them all."""

    imported: int
    refused_count: int
    refused: tuple[Refusal, ...]


class Suppressions:
    """`run_native` keeps reading a long list off the event loop."""

    def __init__(self, database: Database, release: SuppressionRelease, *, run_native: RunNative, clock: Clock) -> None:
        self._database = database
        self._release = release
        self._run_native = run_native
        self._clock = clock

    @needs(Permission.OPERATE)
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
        detail = {"address": row["address"], "reason": reason, "expires_at": expires_at and expires_at.isoformat()}
        told = audit.entry("suppression.added", "", detail, now)

        def write(session: Session) -> str:
            Suppression.put(session, [row])
            entry = suppressions.one(session, row["address"])
            assert entry is not None  # put there in this very transaction
            AuditEntry.note(session, told | {"target": entry.id})
            return entry.id

        return self._database.write(write)

    @needs(Permission.OPERATE)
    def remove(self, key: str, *, release: bool = False) -> Removal:
        """Takes off an entry by its id, address or domain. `release`: what it stopped goes out, to whom it was stopped.

        More than RELEASED_AT_ONCE messages go out by a job. Dying half-way through a release leaves the entry expired,
        and the same call goes on from there.

        Raises:
            NotFound: it is not on the list.
        """
        now = self._clock()
        row = audit.entry("suppression.removed", "", {"release": release}, now)
        removal = self._database.write(partial(_take_off, key_of(key), release, now, row))
        if not release:
            return removal
        if removal.stopped > RELEASED_AT_ONCE:
            return replace(removal, job_id=self._release.later(removal.id, removal.address, removal.stopped))
        return replace(removal, released=self._release.now(removal.id))

    @needs(Permission.OPERATE)
    def import_csv(self, content: bytes) -> Imported:
        """An entry for each row that is right; `suppression_csv.read` says how they look. Harmless twice.

        Raises:
            InvalidInput: it is no CSV; nothing was imported.
        """
        now = self._clock()
        entries, refused = self._run_native(in_this_language(lambda: suppression_csv.read(content, now)))
        for some in _steps(entries):
            rows = [entry.row(SuppressionSource.IMPORT, now) for entry in some]
            self._database.write(partial(_put, rows))
        told = audit.entry("suppression.imported", "", {"imported": len(entries), "refused": len(refused)}, now)
        self._database.write(lambda session: AuditEntry.note(session, told))
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


def _take_off(key: str, release: bool, now: datetime, row: dict[str, Any], session: Session) -> Removal:
    entry = suppressions.one(session, key)
    if entry is None:
        raise NotFound("suppression", key)
    removal = Removal(entry.id, entry.address, suppressions.stopped_counts(session, [entry.id]).get(entry.id, 0))
    if release:
        Suppression.expire(session, entry.id, now=now)
    else:
        session.delete(entry)
    told = {"address": entry.address, "stopped": removal.stopped, **row["detail"]}
    AuditEntry.note(session, row | {"target": entry.id, "detail": told})
    return removal


def _steps(entries: list[Entry]) -> Iterator[list[Entry]]:
    return (entries[start : start + STEP] for start in range(0, len(entries), STEP))
