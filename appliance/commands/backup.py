"""`python run.py backup`, beside a running appliance or without one."""

import argparse
import sqlite3
import sys
from pathlib import Path

from appliance.bootstrap.backups import backup_directory, build_backup_maker
from appliance.clock import utc_now
from appliance.commands.progress import ProgressLine
from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded
from appliance.errors import StartupError
from appliance.services.backup_making import BackupFailed
from appliance.services.backup_manifest import Manifest

NAME = "backup"
HELP = "make a backup: the database, the attachments and the secrets in one file"
NEEDS_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", metavar="FILE", type=Path, help="the file to write; default: one in [backup] directory")
    parser.add_argument(
        "--without-secrets",
        action="store_true",
        help="leave out the key that passwords are encrypted with, and the others: keep those in another place",
    )


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    data_dir = DataDirectory(loaded.settings.data_dir)
    if not data_dir.path.is_dir():
        raise StartupError(f"There is nothing to back up: {data_dir.path} does not exist.")
    if arguments.to is not None:
        _require_free(arguments.to)
    data_dir.prepare()
    maker, secrets = build_backup_maker(loaded.settings, data_dir), not arguments.without_secrets
    directory = backup_directory(loaded.settings)
    try:
        with ProgressLine() as progress:
            target = arguments.to or directory.free_path(utc_now())
            manifest = maker.make(target, secrets=secrets, progress=progress)
        if arguments.to is None:
            directory.note_verified(target, manifest)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(f"No backup was made: {error}.") from error
    sys.stdout.write(f"{target}\n")
    _tell(manifest)
    return 0


def _require_free(target: Path) -> None:
    """A backup replaces no file, and makes no directory: a disk that is not mounted is not one to back up to."""
    if target.exists():
        raise StartupError(f"{target} exists already. Give another name, or remove it first.")
    if not target.absolute().parent.is_dir():
        raise StartupError(f"The directory {target.absolute().parent} does not exist. Make it, or mount its disk.")


def _tell(manifest: Manifest) -> None:
    messages = sum(manifest.messages.values())
    lines = [f"It holds {messages:,} messages and {manifest.attachments:,} attachments, and was read back."]
    if manifest.database == "server":
        lines = [
            "THE DATABASE IS NOT IN IT: back it up with the tools of the server, such as pg_dump -Fc, before this.",
            f"It holds {manifest.attachments:,} attachments, and was read back.",
        ]
    if not manifest.secrets:
        lines.append(
            "THE SECRETS ARE NOT IN IT: without secrets/encryption_key nobody can read the passwords of the sender "
            "accounts. Keep a copy of the directory secrets in a safe place."
        )
    elif manifest.database == "sqlite":
        lines.append("It holds the secrets as well: whoever can read it can read all mail and passwords.")
    if manifest.missing_attachments:
        lines.append(f"FILES OF ATTACHMENTS ARE MISSING on the disk, and so in it: {manifest.missing_attachments:,}.")
    if manifest.missing_for_waiting:
        lines.append(
            f"MESSAGES THAT WAIT NEED {manifest.missing_for_waiting:,} OF THEM, and cannot be sent without: look for "
            "the files in an older backup, in the directory attachments."
        )
    sys.stderr.write("".join(f"{line}\n" for line in lines))
