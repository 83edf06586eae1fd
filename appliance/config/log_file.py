"""A file of the log that never grows out of bounds and that only its owner reads."""

import io
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

from appliance.config.log_settings import LogSettings

MEGABYTE = 1024 * 1024


class RotatingLogFile(RotatingFileHandler):
    """Opened at once: raises OSError where that cannot be done. Files that were put aside end in .1, .2, and so on."""

    def __init__(self, path: Path, settings: LogSettings) -> None:
        super().__init__(
            path,
            maxBytes=settings.file_max_mb * MEGABYTE,
            backupCount=settings.file_keep,
            encoding="utf-8",
            errors="backslashreplace",
        )

    def _open(self) -> io.TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
