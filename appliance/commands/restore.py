"""`python run.py restore [--check] FILE`: verifies a backup, and puts it back while no appliance runs."""

import argparse
import sqlite3
import sys
from pathlib import Path

from appliance.bootstrap.backups import build_restore
from appliance.commands.progress import ProgressLine
from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded
from appliance.db.models.message import UNFINISHED
from appliance.program import PROGRAM
from appliance.services.backup_manifest import Manifest
from appliance.services.restoring import Restore, Restored, RestoreRefused

NAME = "restore"
HELP = "verify a backup, or put it back"
NEEDS_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="only verify it and say what it holds; an appliance may run meanwhile"
    )


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    data_dir = DataDirectory(loaded.settings.data_dir)
    restore = build_restore(loaded.settings, data_dir)
    try:
        if arguments.check:
            return _check(restore, arguments.file)
        _restore(restore, data_dir, arguments.file)
    except (OSError, sqlite3.Error) as error:
        failed = "cannot be checked" if arguments.check else "was not restored, nothing has changed"
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RestoreRefused(f"{arguments.file} {failed}: {reason}.") from error
    return 0


def _check(restore: Restore, file: Path) -> int:
    """A backup that lacks what waiting messages need is 1 as well: who looks by a program has to hear of it."""
    with ProgressLine() as progress:
        manifest = restore.check(file, progress)
    _print(manifest)
    if manifest.missing_for_waiting:
        sys.stderr.write(f"The backup can be restored here, but is not whole. {_missing(manifest)}\n")
        return 1
    sys.stderr.write("The backup is sound and can be restored here.\n")
    return 0


def _restore(restore: Restore, data_dir: DataDirectory, file: Path) -> None:
    data_dir.prepare()
    data_dir.lock()
    try:
        with ProgressLine() as progress:
            restored = restore.restore(file, progress)
    finally:
        data_dir.unlock()
    _print(restored.manifest)
    _tell(restored)


def _print(manifest: Manifest) -> None:
    facts = {
        "made": f"{manifest.created_at:%Y-%m-%d %H:%M:%S} UTC by version {manifest.version}",
        "box": manifest.box_id or "unknown",
        "schema": manifest.revision or "none",
        "database": f"{manifest.database_bytes:,} bytes"
        if manifest.database == "sqlite"
        else "on a server, not in here",
        "messages": f"{sum(manifest.messages.values()):,}{_listed(manifest.messages)}",
        "attachments": f"{manifest.attachments:,}{_gone(manifest)}",
        "settings": _SETTINGS[manifest.settings],
        "secrets": "in it" if manifest.secrets else "not in it",
    }
    for name, fact in facts.items():
        sys.stdout.write(f"{name:12} {fact}\n")


def _tell(restored: Restored) -> None:
    waiting = {status: count for status, count in restored.manifest.messages.items() if status in UNFINISHED}
    lines = ["The backup is restored."]
    if restored.manifest.missing_for_waiting:
        lines.append(_missing(restored.manifest))
    if restored.aside is not None:
        lines.append(f"What was there before is in {restored.aside}; remove it when you are sure.")
    lines += [
        f"This box is paused: it accepts messages and sends none. {sum(waiting.values()):,} wait{_listed(waiting)}.",
        f"Some of them may have gone out after the backup was made. Start the appliance with `{PROGRAM}`, look at",
        "what waits, and say on the status page whether to send, hold or cancel it (or POST /api/v1/box/resume).",
    ]
    sys.stderr.write("".join(f"{line}\n" for line in lines))


_SETTINGS = {
    True: "those made in the browser are in it",
    False: "none were made in the browser",
    None: "not in it: an older version made it",
}


def _gone(manifest: Manifest) -> str:
    return f", and {manifest.missing_attachments:,} were missing already" if manifest.missing_attachments else ""


def _missing(manifest: Manifest) -> str:
    return (
        f"ATTACHMENTS ARE MISSING: waiting messages need {manifest.missing_for_waiting:,} that are not in it, and "
        "cannot be sent without."
    )


def _listed(counts: dict[str, int]) -> str:
    listed = ", ".join(f"{status} {count:,}" for status, count in sorted(counts.items()))
    return f" ({listed})" if listed else ""
