"""Removes uploads that have expired and files that nobody needs, whichever of the two is without the other.

Rows go before files, so a crash in between leaves files, which the next run removes. A file that is younger than an
hour stays: it may belong to a message that is just being stored.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import Attachment
from appliance.db.models.base import affected
from appliance.db.queries import attachments
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.pace import Pace

STEP = 200
YOUNG = timedelta(hours=1)

RunNative = Callable[[Callable[[], Any]], Any]


class AttachmentCleanup:
    """`run_native` keeps looks into the directory off the event loop."""

    def __init__(self, database: Database, files: AttachmentFiles, *, run_native: RunNative, clock: Clock) -> None:
        self._database = database
        self._files = files
        self._run_native = run_native
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Counts what was removed: uploads that had expired, uploads without a file, files that nothing needs."""
        now = self._clock()
        return {
            "expired": self._remove_expired(now),
            "without_file": self._remove_without_file(now - YOUNG),
            "files_removed": self.remove_files(),
        }

    def remove_files(self) -> int:
        """Those that no upload and no message needs. Returns how many there were."""
        now, pace, removed = self._clock(), Pace(), 0
        old = (now - YOUNG).timestamp()
        for digests in _steps(self._run_native(lambda: list(self._files.older_than(old)))):
            with self._database.read() as session:
                needed = attachments.needed(session, digests, now=now)
            for digest in set(digests) - needed:
                removed += self._files.remove(digest, unless_stored_since=old)
            pace.step()
        return removed

    def _remove_expired(self, now: datetime) -> int:
        removed = 0
        while count := self._database.write(partial(_remove_expired, now)):
            removed += count
        return removed

    def _remove_without_file(self, before: datetime) -> int:
        """Nothing can be sent with them. While there is no directory at all, it is the disk that is missing."""
        removed, after = 0, ""
        while self._files.ready() and (rows := self._uploads(after)):
            after = rows[-1].id
            old = [one for one in rows if one.created_at < before]
            gone = self._run_native(partial(self._without_file, old))
            if gone:
                removed += self._database.write(partial(_remove, gone))
        return removed

    def _without_file(self, uploads: Sequence[Attachment]) -> list[str]:
        return [one.id for one in uploads if not self._files.exists(one.sha256)]

    def _uploads(self, after: str) -> Sequence[Attachment]:
        with self._database.read() as session:
            return attachments.uploads(session, after=after, limit=STEP)


def _remove_expired(now: datetime, session: Session) -> int:
    expired = attachments.expired_ids(session, now=now, limit=STEP)
    return _remove(expired, session) if expired else 0


def _remove(ids: Sequence[str], session: Session) -> int:
    return affected(session, delete(Attachment).where(Attachment.id.in_(ids)))


def _steps(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    return (digests[start : start + STEP] for start in range(0, len(digests), STEP))
