"""What a loss of power must not take back."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Puts a file, or the names in a directory, on the disk (fsync(2): a new name needs its directory synced too).

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
