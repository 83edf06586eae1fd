"""A box in a data directory, to be backed up and put back, and archives that are not as they should be."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import zstandard

from appliance.config.data_dir import DataDirectory
from appliance.config.settings import DatabaseSettings
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.models import MessageAttachment
from appliance.db.models.base import insert_rows
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.backup_making import BackupMaker, Source
from appliance.services.restoring import Restore, Target
from tests.factories import add_account, add_message
from tests.fakes import FakeClock

PASSWORD = "the secret of shop"


@dataclass
class DataBox:
    """Start it with `open`; it is a box that does not run, only its data."""

    directory: Path
    migrated: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.data_dir = DataDirectory(self.directory)
        self.data_dir.prepare()
        self.vault = Vault(self.data_dir.secret("encryption_key", Vault.new_key))
        self.data_dir.secret("box_id", lambda: "thisbox0")
        shutil.copy(self.migrated, self.file)
        self.files = AttachmentFiles(self.directory / "attachments")

    @property
    def file(self) -> Path:
        return self.directory / "postroom.db"

    @property
    def backups(self) -> Path:
        return self.directory / "backups"

    def write(self, fn: Callable[..., Any]) -> Any:
        database = Database(f"sqlite:///{self.file}", DatabaseSettings())
        database.start()
        try:
            return database.write(fn)
        finally:
            database.stop()

    def read(self, fn: Callable[..., Any]) -> Any:
        database = Database(f"sqlite:///{self.file}", DatabaseSettings())
        try:
            with database.read() as session:
                return fn(session)
        finally:
            database.stop()

    def fill(self, messages: int = 3) -> None:
        """Messages, an account with a password, and an attachment that one of them needs."""
        digest = self.files.store(b"%PDF-1.7 an invoice")
        row = {"filename": "invoice.pdf", "content_type": "application/pdf", "size": 19, "sha256": digest}

        def write(session: Any) -> None:
            ids = [add_message(session) for _ in range(messages)]
            add_account(session, password_encrypted=self.vault.encrypt(PASSWORD))
            insert_rows(session, MessageAttachment, row | {"message_id": ids[0]})

        self.write(write)

    def lose_attachments(self) -> None:
        for path in (self.directory / "attachments").glob("*/*"):
            path.unlink()

    def maker(self) -> BackupMaker:
        return BackupMaker(Source(self.data_dir, self.file), clock=self.clock)

    def back_up(self, name: str = "box.tar.zst", **options: Any) -> Path:
        target = self.directory.parent / name
        self.maker().make(target, **options)
        return target

    def restore(self) -> Restore:
        return Restore(Target(self.data_dir, self.file, self.backups), clock=self.clock)

    def contents(self) -> dict[str, bytes]:
        """Every file but the backups, what was moved aside, and the lock."""
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file()
            and not str(path.relative_to(self.directory)).startswith(("before-", "backups", "postroom.lock"))
        }


def unpacked(archive: Path) -> bytes:
    """The tar that is in it."""
    with archive.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read()


def repacked(archive: Path, tar: bytes) -> Path:
    """Another archive with that tar in it, compressed as it should be."""
    target = archive.with_name(f"forged-{archive.name}")
    target.write_bytes(zstandard.ZstdCompressor().compress(tar))
    return target


def forged(archive: Path, *, without: str = "none", said: Mapping[str, Any] = MappingProxyType({})) -> Path:
    """Another archive without the members that begin with `without`, whose sums agree with what is left.

    `said`: what header and manifest say instead; None as a value: nothing.
    """
    tar, sums, sums_of_all = io.BytesIO(), b"", ""
    with tarfile.open(fileobj=io.BytesIO(unpacked(archive))) as old, tarfile.open(fileobj=tar, mode="w") as new:
        for member in old:
            content = _content(old, member)
            if member.name.startswith(without):
                continue
            if member.name == "SHA256SUMS":
                content, sums_of_all = sums, hashlib.sha256(sums).hexdigest()
            elif member.name.endswith(".json"):
                document = json.loads(content) | {key: said[key] for key in said if key in json.loads(content)}
                document |= {"sums": sums_of_all} if "sums" in document else {}
                content = json.dumps({key: value for key, value in document.items() if value is not None}).encode()
            sums += f"{hashlib.sha256(content).hexdigest()}  {member.name}\n".encode()
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return repacked(archive, tar.getvalue())


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def members(tar: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return opened.getnames()
