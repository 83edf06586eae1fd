"""Where backups go: whether they can be written there, and whether there is room for the next one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from appliance.commands.check.finding import Finding, ok, problem, warning
from appliance.config.data_dir import user_name
from appliance.config.settings import Settings
from appliance.db.engine import is_sqlite

SUBJECT = "backups"
MEBI = 2**20


def check(settings: Settings) -> Iterator[Finding]:
    directory = settings.backup_dir
    place = next((one for one in (directory, *directory.parents) if one.exists()), Path("/"))
    remedy = f"give {place} to {user_name(os.geteuid())}, or set [backup] directory"
    if not place.is_dir():
        yield problem(SUBJECT, f"{place} is a file", "move it, or set [backup] directory")
    elif trouble := _trouble(place, probed=place == directory):
        yield problem(SUBJECT, f"no backup can be written to {directory}: {trouble}", remedy)
    else:
        yield ok(SUBJECT, f"they go to {directory}" + ("" if place == directory else ", made with the first of them"))
        yield from _room(settings, place)


def _trouble(place: Path, *, probed: bool) -> str:
    """Why it cannot be written to. `probed`: by writing a file, which a disk that is read-only or full refuses."""
    if not os.access(place, os.W_OK | os.X_OK):
        return f"{user_name(os.geteuid())} may not write in {place}"
    try:
        if probed:
            with tempfile.NamedTemporaryFile(dir=place, prefix=".probe-") as file:
                file.write(b"x")
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _room(settings: Settings, place: Path) -> Iterator[Finding]:
    """A backup is smaller than the database file, mostly to a third of it; a server's database is not in it."""
    url = make_url(settings.database_url)
    file = Path(str(url.database)) if is_sqlite(url) else None
    if file is None or not file.is_file():
        return
    free, size = shutil.disk_usage(place).free, file.stat().st_size
    if free < size:
        text = f"{free // MEBI} MiB are free for the next one, and the database has {size // MEBI}"
        yield warning(SUBJECT, text, "free some space, lower [backup] keep, or set [backup] directory to another disk")
