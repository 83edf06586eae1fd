"""The data directory: everything that must outlive the process, and the lock that keeps a second appliance out."""

import contextlib
import errno
import fcntl
import json
import os
import pwd
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from appliance.clock import utc_now
from appliance.config import data_swap
from appliance.durable import sync
from appliance.errors import StartupError

LOCK_FILE = "postroom.lock"

_SECRET_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LOCK_ATTEMPTS = 5  # `running` of another process holds the lock for a moment


class DataDirectory:
    """Nothing is touched before `prepare`; each method may be called again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secrets = path / "secrets"
        self.database = path / "postroom.db"
        self.flower_history = path / "flower.db"
        self.run_file = path / "run.json"
        self._lock_file = path / LOCK_FILE
        self._lock: IO[str] | None = None

    def prepare(self) -> None:
        """Makes the directory (mode 0700) and proves, by writing, that it can be written to.

        A restore that died half-way is carried to its end first.

        Raises:
            StartupError: it cannot, or somebody else keeps things in it.
        """
        self._refuse_root()
        if data_swap.is_unfinished(self.path):
            self._finish_restore()
        if self.holds_something_else():
            raise StartupError(
                f"The directory {self.path} holds files that are not Postroom's, so it is left as it is. "
                "Set [appliance] data_dir to a directory of its own, one that is empty or not there yet."
            )
        try:
            for directory in (self.path, self.secrets):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._close_to_others(directory)
                with contextlib.suppress(OSError):  # this user may not be allowed to read what is above
                    sync(directory.parent)
            self.probe()
        except OSError as error:
            raise StartupError(self._refusal(error)) from error

    def holds_something_else(self) -> bool:
        """Whether it is in use, and not by an appliance: such as /var, which must not be closed to its other users."""
        try:
            names = {path.name for path in self.path.iterdir()} - {"lost+found"}
        except OSError:
            return False  # not there, or not to be read: `prepare` says which
        return bool(names) and names.isdisjoint({self._lock_file.name, self.database.name, self.secrets.name})

    def probe(self) -> None:
        """Writes and removes a file. Raises OSError."""
        with tempfile.NamedTemporaryFile(dir=self.path, prefix=".probe-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())

    def lock(self) -> None:
        """Takes the directory for this process, until it ends.

        Raises:
            StartupError: another appliance has it.
        """
        if self._lock is not None:
            return
        file = open(self._lock_file, "a+", encoding="utf-8")  # noqa: SIM115 - open for as long as the process lives
        try:
            self._take(file)
        except OSError as error:
            file.close()
            raise StartupError(self._lock_refusal(error)) from error
        file.truncate(0)
        json.dump({"pid": os.getpid(), "started_at": utc_now().isoformat()}, file)
        file.flush()
        self._lock = file
        for left in self.path.glob(_temporary_prefix(self.run_file) + "*"):  # by one that died as it wrote it
            left.unlink(missing_ok=True)

    def unlock(self) -> None:
        if self._lock is not None:
            self.run_file.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def secret(self, name: str, make: Callable[[], str] = secrets.token_urlsafe) -> str:
        """The secret of that name, made once. When two processes make it at once, both get the same.

        Raises:
            StartupError: it cannot be read or kept, or its file is empty.
        """
        if not _SECRET_NAME.fullmatch(name):
            raise ValueError(f"a secret cannot be named {name!r}")
        path = self.secrets / name
        try:
            if not path.exists():
                _create(path, make() + "\n")
            self._close_to_others(path)
            value = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StartupError(self._refusal(error)) from error
        if not value:
            raise StartupError(f"{path} is empty. Restore it from a backup, or remove it to have a new one made.")
        return value

    def replace_secret(self, name: str, value: str) -> None:
        """All or nothing. To be called by whoever has the lock. Raises StartupError."""
        try:
            _replace(self.secrets / name, value + "\n")
        except OSError as error:
            raise StartupError(self._refusal(error)) from error

    def free_bytes(self) -> int:
        """What this user may still write, on the file system where the directory is or will be."""
        existing = next(path for path in (self.path, *self.path.parents) if path.exists())
        return shutil.disk_usage(existing).free

    def write_run_file(self, facts: Mapping[str, Any]) -> None:
        """Tells other processes what the running appliance listens on; `pid` is added."""
        _replace(self.run_file, json.dumps({"pid": os.getpid(), **facts}))

    def running(self) -> dict[str, Any] | None:
        """What the appliance that has this directory wrote of itself, at least its `pid`; None when none runs.

        Raises:
            StartupError: this user may not look.
        """
        if not self._is_locked():
            return None
        holder = _read_json(self._lock_file)
        facts = _read_json(self.run_file)
        if facts.get("pid") != holder.get("pid"):  # left behind by one that was killed
            return holder
        return {**holder, **facts}

    def _refuse_root(self) -> None:
        """Of what root writes into the directory of a service, the service could read nothing."""
        if os.geteuid() == 0 and self.path.exists() and self.path.stat().st_uid != 0:
            owner = user_name(self.path.stat().st_uid)
            raise StartupError(
                f"The data directory {self.path} belongs to {owner}, who could not read what root writes there. "
                f"Run this as that user: sudo -u {owner} …"
            )

    def _finish_restore(self) -> None:
        self.lock()
        try:
            data_swap.finish(self.path)
        except OSError as error:
            raise StartupError(self._refusal(error)) from error
        finally:
            self.unlock()

    def _is_locked(self) -> bool:
        try:
            with open(self._lock_file, encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StartupError(self._refusal(error)) from error
        return False

    def _take(self, file: IO[str]) -> None:
        for attempt in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if attempt == _LOCK_ATTEMPTS - 1:
                    raise
                time.sleep(0.1)

    def _close_to_others(self, path: Path) -> None:
        mode = path.stat().st_mode
        if mode & 0o077:
            path.chmod(mode & 0o700)

    def _refusal(self, error: OSError) -> str:
        path = Path(str(error.filename or self.path))
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return f"The disk of the data directory {self.path} is full. Free some space."
            case errno.EROFS:
                return f"The data directory {self.path} is on a read-only file system. Set [appliance] data_dir."
            case errno.EACCES | errno.EPERM:
                return (
                    f"{path} cannot be used by user {user_name(os.geteuid())}; {_owner_of(path)}. Run as that user, "
                    f"or give it away: chown -R {user_name(os.geteuid())} {self.path}"
                )
            case errno.EEXIST | errno.ENOTDIR:
                return f"The data directory {self.path} is a file. Move it, or set [appliance] data_dir."
        return f"The data directory {self.path} cannot be used: {error.strerror or error}. Set [appliance] data_dir."

    def _lock_refusal(self, error: OSError) -> str:
        if isinstance(error, BlockingIOError):
            pid = _read_json(self._lock_file).get("pid", "unknown")
            return (
                f"An appliance (process {pid}) already runs with the data directory {self.path}. Stop it first, "
                "or give this one a directory of its own with [appliance] data_dir."
            )
        return (
            f"The file system of {self.path} cannot lock files ({error.strerror}), which the database needs as well. "
            "Set [appliance] data_dir to a local disk."
        )


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _owner_of(path: Path) -> str:
    existing = next(place for place in (path, *path.parents) if os.path.lexists(place))
    return f"{existing} belongs to {user_name(existing.stat().st_uid)}"


def _create(path: Path, text: str) -> None:
    """Writes a file that is there whole or not at all, with mode 0600, unless there is one already."""
    temporary = _write_temporary(path, text)
    try:
        with contextlib.suppress(FileExistsError):  # another process was faster: its text counts
            os.link(temporary, path)
    finally:
        temporary.unlink()
    sync(path.parent)


def _replace(path: Path, text: str) -> None:
    _write_temporary(path, text).replace(path)
    sync(path.parent)


def _write_temporary(path: Path, text: str) -> Path:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=_temporary_prefix(path), delete=False) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(file.name)


def _temporary_prefix(path: Path) -> str:
    return f".{path.name}-"


def _read_json(path: Path) -> dict[str, Any]:
    """Empty when there is no such file, or it is being written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
