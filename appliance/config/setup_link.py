"""A setup link that the command line made: the running appliance knows it by a hash in the data directory."""

import hashlib
import hmac
import json
import os
from datetime import datetime
from pathlib import Path

FILE_NAME = "setup_link"


def leave(data_dir: Path, token: str, expires_at: datetime) -> None:
    """In place of the one that was left before. Raises OSError."""
    path = data_dir / FILE_NAME
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump({"hash": _hash(token), "expires_at": expires_at.isoformat()}, file)


def opens(data_dir: Path, token: str, now: datetime) -> bool:
    try:
        left = json.loads((data_dir / FILE_NAME).read_text(encoding="utf-8"))
        known, expires_at = str(left["hash"]), datetime.fromisoformat(left["expires_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return now < expires_at and hmac.compare_digest(known, _hash(token))


def forget(data_dir: Path) -> None:
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
