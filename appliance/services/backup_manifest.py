"""What an archive says of itself: a header as its first member, the whole manifest as its last."""

from datetime import datetime
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from appliance.errors import ApplianceError

FORMAT = 2  # 1 had no settings


class BackupDamaged(ApplianceError):
    """The file is no backup, or not as it was made."""


class BackupTooNew(ApplianceError):
    """A newer version made the backup; this one may not understand it."""


class Header(BaseModel):
    """`revision`: of the schema; None: nothing is in the database yet. `bytes`: about what comes out of the archive."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int
    version: str
    revision: str | None
    created_at: datetime
    bytes: int


class Manifest(Header):
    """`database`: `server` when the database server's own tools have to back it up, so that it is not in here.

    `messages`: how many there are in each state. `missing_attachments`: files that messages need and that were gone;
    `missing_for_waiting`: those among them that messages need which are not sent yet (unknown with a server: 0).
    `settings`: whether it holds what was chosen in the browser; None: it was made before backups held that.
    `sums`: the SHA-256 of the member SHA256SUMS, which has that of every other member.
    """

    box_id: str
    database: Literal["sqlite", "server"]
    database_bytes: int
    messages: dict[str, int]
    attachments: int
    missing_attachments: int
    missing_for_waiting: int = 0
    settings: bool | None = None
    secrets: bool
    sums: str


Document = TypeVar("Document", bound=Header)


def read(kind: type[Document], text: bytes) -> Document:
    """Raises BackupDamaged, BackupTooNew."""
    try:
        document = kind.model_validate_json(text)
    except ValidationError as error:
        found = _format_of(text)
        if found is not None and found > FORMAT:
            raise _too_new(found) from error
        raise BackupDamaged("The backup is damaged: what it says of itself cannot be read.") from error
    if document.format > FORMAT:
        raise _too_new(document.format)
    return document


def written(document: Header) -> bytes:
    return document.model_dump_json(indent=2).encode() + b"\n"


class _Format(BaseModel):
    format: int


def _format_of(text: bytes) -> int | None:
    try:
        return _Format.model_validate_json(text).format
    except ValidationError:
        return None


def _too_new(found: int) -> BackupTooNew:
    return BackupTooNew(
        f"The backup has the format {found} of a newer version, and this one knows {FORMAT}. "
        "Restore it with that version."
    )
