"""Another program that has the database for itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.functional.processes import Appliance


@contextmanager
def locked(appliance: Appliance) -> Iterator[None]:
    """Nobody else writes meanwhile."""
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db", isolation_level=None, timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
