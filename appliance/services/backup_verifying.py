"""Unpacks a backup beside what is there, and finds out whether an appliance could run with it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance.config.vault import Vault, VaultError
from appliance.db import migrations
from appliance.db.database_file import DatabaseFile
from appliance.db.models.message import UNFINISHED
from appliance.services.backup_archive import ATTACHMENTS, DATABASE, SECRETS, SETTINGS
from appliance.services.backup_making import RESERVE, Progress, Tally
from appliance.services.backup_manifest import BackupDamaged, BackupTooNew, Header, Manifest
from appliance.services.backup_reading import ArchiveReader

KEY = "encryption_key"


class KeyMissing(BackupDamaged):
    """Nothing at hand opens the passwords that the database holds."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """`reader` has read all of it."""

    manifest: Manifest
    reader: ArchiveReader


def unpack(archive: Path, place: Path, progress: Progress, *, attachments: bool) -> Unpacked:
    """Into the empty directory `place`, every checksum compared; `attachments` False: these are read, not written.

    Raises:
        BackupDamaged, BackupTooNew: see their texts.
        OSError: the file cannot be read, or `place` not be written.
    """
    limit = shutil.disk_usage(place).free - RESERVE
    with archive.open("rb") as file:
        tally = Tally("unpack", 0, progress)
        reader = ArchiveReader(file, limit=limit, on_bytes=tally)
        header = reader.header()
        _require_known(header)
        tally.total = header.bytes
        manifest = reader.members(lambda name: _opened(place, name) if _wanted(name, attachments) else None)
        return Unpacked(manifest, reader)


def verify(place: Path, unpacked: Unpacked, key: Path) -> Manifest:
    """Whether the database is sound and `key` opens what is encrypted in it.

    Returns the manifest, with what waiting messages miss as it is found now, whatever it said.

    Raises:
        BackupDamaged, BackupTooNew: see their texts.
    """
    manifest = unpacked.manifest
    if manifest.database == "server":
        return manifest
    database = DatabaseFile(place / DATABASE)
    if not database.path.exists():
        raise BackupDamaged("The backup is damaged: the database is missing.")
    if damage := database.damage(thorough=True):
        raise BackupDamaged(f"The backup is damaged: the database in it is not sound: {damage}.")
    if database.revision() != manifest.revision:
        raise BackupDamaged("The backup is damaged: the database in it is another one than it says.")
    _require_key(database, manifest, key)
    missing = unpacked.reader.without_those_seen(database.attachments_of(UNFINISHED))
    return manifest.model_copy(update={"missing_for_waiting": len(missing)})


def _require_known(header: Header) -> None:
    if header.revision is not None and not migrations.is_known(header.revision):
        raise BackupTooNew(
            f"The backup was made by the newer version {header.version} (schema {header.revision}). "
            "Restore it with that version."
        )


def _require_key(database: DatabaseFile, manifest: Manifest, key: Path) -> None:
    vault = None
    for table, value in database.encrypted():
        vault = vault or _vault(manifest, key)
        try:
            vault.decrypt(value)
        except VaultError as error:
            where = "in the backup" if manifest.secrets else str(key)
            raise KeyMissing(
                f"The encryption key ({where}) does not open what is encrypted in {table}: it belongs to another box."
            ) from error


def _vault(manifest: Manifest, key: Path) -> Vault:
    try:
        return Vault(key.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if manifest.secrets:
            raise BackupDamaged("The backup is damaged: the encryption key is missing.") from error
        raise KeyMissing(
            "The backup was made without secrets, and the database holds passwords that are encrypted. Put the "
            f"encryption key of the box that it was made of into {key}, with mode 0600, and try again."
        ) from error
    except VaultError as error:
        raise KeyMissing(f"The encryption key cannot be used: {error}") from error


def _opened(place: Path, name: str) -> IO[bytes]:
    """`name` is one that a backup may have, so it stays inside `place`; nothing there is followed or replaced."""
    path = place / name
    for directory in reversed(path.relative_to(place).parents[:-1]):
        (place / directory).mkdir(mode=0o700, exist_ok=True)
    try:
        return open(path, "xb", opener=_private)
    except FileExistsError as error:
        raise BackupDamaged(f"The backup is damaged: {name} is in it twice.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _wanted(name: str, attachments: bool) -> bool:
    beginnings = (f"{SECRETS}/", f"{ATTACHMENTS}/") if attachments else (f"{SECRETS}/",)
    return name in (DATABASE, SETTINGS) or name.startswith(beginnings)
