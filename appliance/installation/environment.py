"""The virtual environment that `run.py` makes. Standard library only: this runs before any package is there."""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.program import PROGRAM

LOCK_FILES = {"run": "requirements.lock", "test": "requirements-test.lock"}  # the second holds the first
PYTHON_TAG = f"{sys.implementation.name}-{sys.version_info[0]}.{sys.version_info[1]}"
BASE_PYTHON = getattr(sys, "_base_executable", None) or sys.executable  # not the one of the environment to be replaced

NO_VENV = "This Python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"
FAILURES = (
    ("No space left on device", "the disk is full. Free some space"),
    ("DO NOT MATCH THE HASHES", "a package differs from the one that the lock file names. Check the package index"),
    ("SSLError", "the package index could not be reached safely. Check the network and its certificates"),
    ("No matching distribution", "the package index could not be reached, or lacks a package. Check the network"),
    ("Connection", "the package index could not be reached. Check the network"),
)


class SetupError(Exception):
    """Why the packages are not there, in one line with the remedy."""


class Environment:
    """`.venv` beside this file.

    It is never moved (a virtual environment cannot be) and counts as built only once its stamp is written, last of all,
    so an installation that was cut off is done again. Starts that meet wait for each other; an environment that a
    running appliance uses is not pulled out from under it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / ".venv"
        self.python = self.path / "bin" / "python"
        self.log = self.path / "install.log"
        self._install_lock = self.path / ".postroom-install.lock"
        self._use_lock = self.path / ".postroom-in-use.lock"
        self._unfinished = self.path / ".postroom-installing"
        self._held: int | None = None

    def is_running(self) -> bool:
        return self.path.is_dir() and os.path.samefile(sys.prefix, self.path)

    def is_ours(self) -> bool:
        """False for a virtual environment that somebody else made: it is used if it fits, but never touched."""
        return self._install_lock.exists() or not (self.path / "pyvenv.cfg").exists()

    def is_current(self, wanted: str) -> bool:
        try:
            digest, tag = self._stamp(wanted).read_text(encoding="utf-8").split()
            if digest != self._digest(wanted) or not self.python.exists():
                return False
        except (OSError, ValueError):
            return False
        return tag == PYTHON_TAG or not self.is_running()  # after an upgrade of the system, .venv/bin/python is another

    def hold(self) -> bool:
        """Keeps the environment from being rebuilt while this process lives. False while it is being rebuilt."""
        try:
            self._held = os.open(self._use_lock, os.O_RDONLY)
            fcntl.flock(self._held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # a file system without locks, or a file of another user: then nobody is kept off
        return True

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def enter(self, command: list[str]) -> None:
        """Goes on in the environment's interpreter: the same process, so systemd and a shell see one PID."""
        sys.stderr.flush()
        os.execv(self.python, [str(self.python), *command])  # noqa: S606 - no shell is wanted

    def install(self, wanted: str) -> None:
        """Brings the environment to what the lock file says.

        Raises:
            SetupError: it could not; what is there is not taken for finished.
        """
        if not self.is_ours():
            raise SetupError(
                f"{self.path} is not Postroom's own and lacks its packages. Remove it, or install them into it: "
                f"{self.python} -m pip install --no-deps -r {LOCK_FILES[wanted]}"
            )
        try:
            self.path.mkdir(exist_ok=True)
            with locked(self._install_lock, "Another start is installing the packages; waiting for it.") as lock:
                if not self.is_current(wanted):
                    self._build(wanted, lock)
        except OSError as error:
            raise SetupError(
                f"The packages cannot be installed: {error.filename or self.path}: {error.strerror or error}. "
                f"Run `{PROGRAM} version` once as the owner of {self.root}."
            ) from error

    def _build(self, wanted: str, lock: int) -> None:
        began = time.monotonic()
        lock_file = self.root / LOCK_FILES[wanted]
        say(f"Installing {count_packages(lock_file)} packages into {self.path}; this takes about a minute, once.")
        self.log.unlink(missing_ok=True)
        if self._unfinished.exists() or not self.is_current("run"):
            self._make_anew(lock)
        self._unfinished.touch()
        self._pip_install(lock_file, lock)
        os.sync()  # a power cut must not leave the stamp and take the packages
        for name in ("run", wanted):
            self._stamp(name).write_text(f"{self._digest(name)} {PYTHON_TAG}\n", encoding="utf-8")
        self._unfinished.unlink()
        say(f"Installed in {time.monotonic() - began:.0f} s.")

    def _make_anew(self, lock: int) -> None:
        if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
            raise SetupError(NO_VENV)
        with self._unused():
            self._clear()
            if not self._run([BASE_PYTHON, "-m", "venv", "--symlinks", str(self.path)], lock):
                raise SetupError(f"{NO_VENV} (Python's output is in {self.log})")

    @contextlib.contextmanager
    def _unused(self) -> Iterator[None]:
        with open(self._use_lock, "w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SetupError(
                    "The packages have to be replaced, and a running Postroom uses the old ones. "
                    "Stop it, then start it again."
                ) from None
            yield

    def _clear(self) -> None:
        """Removes all but the locks; the stamps first, so that what is left over never looks finished."""
        for stamp in (self._stamp(name) for name in LOCK_FILES):
            stamp.unlink(missing_ok=True)
        for entry in self.path.iterdir():
            if entry in (self._install_lock, self._use_lock):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def _pip_install(self, lock_file: Path, lock: int) -> None:
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
        command += ["--progress-bar=off", "--no-deps", "--require-hashes", "-r", str(lock_file)]
        if not self._run(command, lock):
            raise SetupError(explain(self.log))

    def _run(self, command: list[str], lock: int) -> bool:
        """Whether the command succeeded; what it says goes into the log file.

        It inherits the lock: should this process be killed, the next start waits until the command is gone too.
        """
        with open(self.log, "ab") as log:
            result = subprocess.run(  # noqa: S603 - our own words and paths
                command,
                cwd=self.root,
                env=os.environ | {"PIP_USER": "0"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                check=False,
            )
        return result.returncode == 0

    def _digest(self, wanted: str) -> str:
        content = (self.root / LOCK_FILES[wanted]).read_bytes()
        return hashlib.sha256(content + os.fsencode(self.path)).hexdigest()

    def _stamp(self, wanted: str) -> Path:
        return self.path / f".postroom-{wanted}"


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[int]:
    """Holds an exclusive lock on the file, whose descriptor is given; says `waiting` when it has to wait."""
    with open(path, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def explain(log: Path) -> str:
    output = log.read_text(encoding="utf-8", errors="replace")
    reason = next((text for sign, text in FAILURES if sign in output), "pip failed. Look into its output")
    return f"The packages could not be installed: {reason}, then start again. pip's output is in {log}"


def count_packages(lock_file: Path) -> int:
    lines = lock_file.read_text(encoding="utf-8").splitlines()
    return sum("==" in line and "win32" not in line for line in lines)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - there is no log yet
