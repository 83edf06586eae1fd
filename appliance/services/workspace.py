"""A directory of one's own beside the place where the result goes, so that a rename puts it there.

It is gone when the work ends, and what a killed process left goes at the next work in the same place.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".postroom-"
YOUNG_SECONDS = 60.0  # one that is just being made has no lock yet


@contextmanager
def workspace(directory: Path) -> Iterator[Path]:
    """A new, empty one (mode 0700), held by a lock for as long as it is used. Raises OSError."""
    _remove_abandoned(directory)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=directory))
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(directory: Path) -> None:
    for path in directory.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else removes it, or it is somebody else's
            if path.is_dir() and not path.is_symlink() and path.stat().st_mtime < time.time() - YOUNG_SECONDS:
                _remove_if_free(path)


def _remove_if_free(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)
