"""Attachments: uploaded once, sent many times, removed when they are old (attachment_cleanup.py)."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import Attachment, AuditEntry
from appliance.db.models.base import insert_rows
from appliance.db.queries import attachments
from appliance.db.types import new_id
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.language import gettext
from appliance.services import audit
from appliance.services.attachment_files import AttachmentDamaged, AttachmentFiles, Kept
from appliance.services.attachment_rules import WrongType, safe_filename, settled_type
from appliance.services.permission import Permission, needs

MEGABYTE = 1024 * 1024

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
    """`run_native` keeps hashing and fsync off the event loop. `require_disk` raises DiskFull."""

    def __init__(
        self,
        database: Database,
        files: AttachmentFiles,
        limits: LimitsSettings,
        *,
        run_native: RunNative,
        clock: Clock,
        require_disk: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._files = files
        self._limits = limits
        self._run_native = run_native
        self._clock = clock
        self._require_disk = require_disk

    @needs(Permission.OPERATE)
    def upload(self, filename: str, content_type: str | None, content: bytes, api_key_id: str | None) -> str:
        """Stores a file to be named by its id later; returns the id.

        Raises InvalidInput, DiskFull, StorageUnavailable.
        """
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
        about = {"filename": stored.filename, "size": stored.size}
        told = audit.entry("attachment.uploaded", attachment_id, about, now)

        def write(session: Session) -> None:
            insert_rows(session, Attachment, row)
            AuditEntry.note(session, told)

        self._database.write(write)
        return attachment_id

    def store(self, filename: str, content_type: str | None, content: bytes, field: str) -> StoredFile:
        """Puts the bytes on disk. `field` is what an error names. Raises InvalidInput, DiskFull, StorageUnavailable."""
        described = self.describe(filename, content_type, content, field)
        self.keep([content])
        return described

    def keep(self, contents: Iterable[bytes]) -> list[Kept]:
        """Puts described bytes on disk. Raises DiskFull, StorageUnavailable."""
        files = list(contents)
        if files:
            self._require_disk()
        return [self._run_native(partial(self._files.keep, content)) for content in files]

    def take_back(self, kept: Iterable[Kept]) -> None:
        """The messages that they were for are refused: removes those files that were not there before."""
        for one in kept:
            self._files.take_back(one)

    def describe(
        self, filename: str, content_type: str | None, content: bytes, field: str, content_id: str | None = None
    ) -> StoredFile:
        """What it will be once it is kept; nothing is on disk yet. `field` is what an error names.

        Raises InvalidInput.
        """
        if len(content) > self._limits.attachment_mb * MEGABYTE:
            remedy = gettext(
                "The file has %(size)s bytes; the limit is %(most)s MB ([limits] attachment_mb).",
                size=len(content),
                most=self._limits.attachment_mb,
            )
            raise InvalidInput([FieldError(field, remedy, "too_large")])
        name = safe_filename(filename)
        judged = self._run_native(partial(self._judge, name, content_type, content))
        if isinstance(judged, WrongType):
            raise InvalidInput([FieldError(field, str(judged), judged.code)])
        digest, settled = judged
        return StoredFile(name, settled, len(content), digest, content_id)

    def named(self, attachment_id: str, api_key_id: str | None, field: str, content_id: str | None) -> StoredFile:
        """An uploaded one. `api_key_id` None sees all. Raises InvalidInput, naming `field`."""
        with self._database.read() as session:
            found = attachments.one(session, attachment_id, api_key_id=api_key_id, now=self._clock())
        if found is None or not self._files.touch(found.sha256):  # from now on the clean-up leaves it alone
            remedy = "It may have expired; upload it again with POST /api/v1/attachments."
            raise InvalidInput([FieldError(field, f"There is no attachment {attachment_id!r}. {remedy}", "not_found")])
        return StoredFile(found.filename, found.content_type, found.size, found.sha256, content_id)

    def content(self, sha256: str) -> bytes:
        """Of a file that a message has. Raises AttachmentDamaged."""
        read = self._run_native(partial(self._read, sha256))
        if isinstance(read, AttachmentDamaged):
            raise read
        content: bytes = read
        return content

    @needs(Permission.OPERATE)
    def delete(self, attachment_id: str, api_key_id: str | None) -> None:
        """Messages that have it keep it. Raises NotFound."""
        now = self._clock()
        row = audit.entry("attachment.deleted", attachment_id, {}, now)

        def write(session: Session) -> None:
            found = attachments.one(session, attachment_id, api_key_id=api_key_id, now=now)
            if found is None:
                raise NotFound("attachment", attachment_id)
            session.delete(found)
            AuditEntry.note(session, row | {"detail": {"filename": found.filename, "size": found.size}})

        self._database.write(write)

    def _read(self, sha256: str) -> bytes | AttachmentDamaged:
        """An error is carried over as a value, as in `_judge`."""
        try:
            return self._files.read(sha256)
        except AttachmentDamaged as error:
            return error

    def _judge(self, name: str, content_type: str | None, content: bytes) -> tuple[str, str] | WrongType:
        """SHA-256 and type. An error is carried over as a value: a thread pool would also print what it raises."""
        try:
            return hashlib.sha256(content).hexdigest(), settled_type(
                name, content_type, content, self._limits.attachment_types
            )
        except WrongType as error:
            return error
