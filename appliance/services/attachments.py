"""Attachments: uploaded once, sent many times, removed when they are old and nobody needs them."""

import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import Attachment
from appliance.db.models.base import affected, insert_rows
from appliance.db.queries import attachments
from appliance.db.types import new_id
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.services.attachment_files import AttachmentFiles

MEGABYTE = 1024 * 1024
STEP = 500
YOUNG_SECONDS = 3600.0  # a file this young may belong to a message that is just being stored
LONGEST_FILENAME = 200
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}\Z")
_UNSAFE_IN_FILENAME = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

RunNative = Callable[[Callable[[], Any]], Any]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a message takes along of an attachment."""

    filename: str
    content_type: str
    size: int
    sha256: str
    content_id: str | None = None


class Attachments:
    """`run_native` keeps hashing and fsync off the event loop."""

    def __init__(
        self,
        database: Database,
        files: AttachmentFiles,
        limits: LimitsSettings,
        *,
        run_native: RunNative,
        clock: Clock,
    ) -> None:
        self._database = database
        self._files = files
        self._limits = limits
        self._run_native = run_native
        self._clock = clock

    def upload(self, filename: str, content_type: str | None, content: bytes, api_key_id: str | None) -> str:
        """Stores a file to be named by its id later; returns the id. Raises InvalidInput, StorageUnavailable."""
        stored = self.store(filename, content_type, content, "file")
        attachment_id, now = new_id("att"), self._clock()
        row = {
            "id": attachment_id,
            "api_key_id": api_key_id,
            "filename": stored.filename,
            "content_type": stored.content_type,
            "size": stored.size,
            "sha256": stored.sha256,
            "created_at": now,
            "expires_at": now + timedelta(days=self._limits.attachment_days),
        }
        self._database.write(lambda session: insert_rows(session, Attachment, row))
        return attachment_id

    def store(self, filename: str, content_type: str | None, content: bytes, field: str) -> StoredFile:
        """Puts the bytes on disk. `field` is what an error names. Raises InvalidInput, StorageUnavailable."""
        described = self.describe(filename, content_type, content, field)
        self.keep([content])
        return described

    def keep(self, contents: Iterable[bytes]) -> None:
        """Puts described bytes on disk. Raises StorageUnavailable."""
        for content in contents:
            self._run_native(partial(self._files.store, content))

    def describe(
        self, filename: str, content_type: str | None, content: bytes, field: str, content_id: str | None = None
    ) -> StoredFile:
        """What it will be once it is kept; nothing is on disk yet. `field` is what an error names.

        Raises InvalidInput.
        """
        if len(content) > self._limits.attachment_mb * MEGABYTE:
            remedy = f"the limit is {self._limits.attachment_mb} MB ([limits] attachment_mb)"
            raise InvalidInput([FieldError(field, f"The file has {len(content)} bytes; {remedy}.", "too_large")])
        name = safe_filename(filename)
        digest = self._run_native(lambda: hashlib.sha256(content).hexdigest())
        return StoredFile(name, usable_type(content_type, name), len(content), digest, content_id)

    def named(self, attachment_id: str, api_key_id: str | None, field: str, content_id: str | None) -> StoredFile:
        """An uploaded one. `api_key_id` None sees all. Raises InvalidInput, naming `field`."""
        with self._database.read() as session:
            found = attachments.one(session, attachment_id, api_key_id=api_key_id, now=self._clock())
        if found is None:
            remedy = "It may have expired; upload it again with POST /api/v1/attachments."
            raise InvalidInput([FieldError(field, f"There is no attachment {attachment_id!r}. {remedy}", "not_found")])
        return StoredFile(found.filename, found.content_type, found.size, found.sha256, content_id)

    def delete(self, attachment_id: str, api_key_id: str | None) -> None:
        """Messages that have it keep it. Raises NotFound."""
        now = self._clock()

        def write(session: Session) -> None:
            found = attachments.one(session, attachment_id, api_key_id=api_key_id, now=now)
            if found is None:
                raise NotFound("attachment", attachment_id)
            session.delete(found)

        self._database.write(write)

    def cleanup_expired(self) -> dict[str, int]:
        """Removes expired uploads, then files that nothing needs. Dying in between leaves files for the next run."""
        now = self._clock()
        expired = self._database.write(
            lambda session: affected(session, delete(Attachment).where(Attachment.expires_at <= now))
        )
        return {"expired": expired, "files_removed": self._remove_unneeded_files(now)}

    def _remove_unneeded_files(self, now: datetime) -> int:
        old = now.timestamp() - YOUNG_SECONDS
        since = now - timedelta(days=self._limits.attachment_days)
        removed = 0
        for digests in _steps(list(self._run_native(lambda: list(self._files.older_than(old))))):
            with self._database.read() as session:
                needed = attachments.needed(session, digests, now=now, since=since)
            for digest in set(digests) - needed:
                removed += self._files.remove(digest, unless_stored_since=old)
        return removed


def safe_filename(filename: str) -> str:
    """The last part of a path, without what could fool a person or a file system."""
    name = _UNSAFE_IN_FILENAME.sub("_", filename.replace("\\", "/").rpartition("/")[2]).strip(" .")
    return name[-LONGEST_FILENAME:] or "attachment"


def usable_type(content_type: str | None, filename: str) -> str:
    """The declared type if it has the form of one, else what the name suggests."""
    if content_type and _CONTENT_TYPE.match(content_type.partition(";")[0].strip()):
        return content_type.partition(";")[0].strip().lower()
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _steps(digests: list[str]) -> list[list[str]]:
    return [digests[start : start + STEP] for start in range(0, len(digests), STEP)]
