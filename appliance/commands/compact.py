"""`python run.py compact`: writes the SQLite file anew, without the room that is free in it, while nothing runs."""

import argparse
import shutil
import sqlite3
import sys
from pathlib import Path

from appliance.bootstrap import open_database, prepared_data_directory
from appliance.config.loader import Loaded
from appliance.db.space import DatabaseSpace, Usage
from appliance.errors import ApplianceError

NAME = "compact"
HELP = "write the SQLite file anew without free room, while the appliance is stopped"
NEEDS_SETTINGS = True
COPIES = 2  # SQLite writes the new file beside the old one, and then once more into the log
MEBI = 1024 * 1024


class CannotCompact(ApplianceError):
    """The file stays as it is."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(_arguments: argparse.Namespace, loaded: Loaded) -> int:
    data_dir = prepared_data_directory(loaded.settings)
    data_dir.lock()
    try:
        database = open_database(loaded.settings)
        try:
            before, after = _compacted(DatabaseSpace(database, lambda work: work()))
        finally:
            database.stop()
    finally:
        data_dir.unlock()
    sys.stderr.write(f"The database had {before.size // MEBI} MiB and has {after.size // MEBI} MiB now.\n")
    return 0


def _compacted(space: DatabaseSpace) -> tuple[Usage, Usage]:
    if space.file is None:
        raise CannotCompact("Only an SQLite file can be compacted; a database server looks after its room by itself.")
    before = space.usage()
    _require_room(space.file, before.size - (before.free or 0))
    try:
        space.rewrite()
    except sqlite3.Error as error:
        raise CannotCompact(f"The database could not be written anew: {error}. It is as it was.") from error
    return before, space.usage()


def _require_room(file: Path, size: int) -> None:
    free, needed = shutil.disk_usage(file.parent).free, COPIES * size
    if free < needed:
        raise CannotCompact(
            f"{needed // MEBI} MiB are needed on the disk of {file} while the database is written anew; "
            f"{free // MEBI} MiB are free. Make room and try again."
        )
