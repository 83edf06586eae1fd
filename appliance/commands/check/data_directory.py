"""The data directory: whose it is, whether it can be written to, how much room it has, who can read its secrets."""

import os
from collections.abc import Iterator
from pathlib import Path

from appliance.commands.check.finding import Finding, ok, problem, warning
from appliance.config.data_dir import DataDirectory, user_name
from appliance.config.settings import Settings

SUBJECT = "data directory"
TOO_LITTLE_BYTES = 100 * 2**20
LITTLE_BYTES = 2**30


def check(settings: Settings) -> Iterator[Finding]:
    directory = DataDirectory(settings.data_dir)
    if directory.holds_something_else():
        remedy = "set [appliance] data_dir to a directory of its own"
        yield problem(SUBJECT, f"{directory.path} holds files that are not Postroom's", remedy)
    elif directory.path.is_dir():
        yield from _access(directory)
        yield from _secrets(directory)
    else:
        yield from _future(directory.path)
    yield from _space(directory)


def _future(path: Path) -> Iterator[Finding]:
    existing = next(place for place in path.parents if place.exists())
    if path.exists():
        yield problem(SUBJECT, f"{path} is a file", "move it, or set [appliance] data_dir")
    elif os.access(existing, os.W_OK | os.X_OK):
        yield ok(SUBJECT, f"{path} is made at the first start")
    else:
        yield problem(
            SUBJECT,
            f"{path} does not exist, and {user_name(os.geteuid())} may not write in {existing}",
            f"make it and give it to {user_name(os.geteuid())}, or set [appliance] data_dir",
        )


def _access(directory: DataDirectory) -> Iterator[Finding]:
    path, me = directory.path, user_name(os.geteuid())
    status = path.stat()
    owner = user_name(status.st_uid)
    try:
        directory.probe()
    except OSError as error:
        remedy = (
            f"run as {owner}, or: chown -R {me} {path}" if isinstance(error, PermissionError) else "see to the disk"
        )
        yield problem(SUBJECT, f"{path} (of {owner}) cannot be written by {me}: {error.strerror}", remedy)
        return
    yield ok(SUBJECT, f"{path} can be written by {me}")
    if status.st_uid != os.geteuid():
        yield warning(SUBJECT, f"{path} belongs to {owner}, and this is {me}", f"run as {owner}: sudo -u {owner} ...")
    if status.st_mode & 0o077:
        yield warning(SUBJECT, f"{path} is open to other users", f"chmod 700 {path} (a start does it)")


def _secrets(directory: DataDirectory) -> Iterator[Finding]:
    if not directory.secrets.is_dir() or not os.access(directory.secrets, os.R_OK | os.X_OK):
        return
    files = [path for path in sorted(directory.secrets.iterdir()) if path.is_file()]
    open_files = [path for path in files if path.stat().st_mode & 0o077]
    empty_files = [path for path in files if path.stat().st_size == 0]
    for path in open_files:
        yield problem("secrets", f"other users can read {path}", f"chmod 600 {path}")
    for path in empty_files:
        yield problem("secrets", f"{path} is empty", "restore it from a backup, or remove it to have a new one made")
    if not open_files and not empty_files:
        yield ok("secrets", f"{len(files)} in {directory.secrets}, for their owner alone")


def _space(directory: DataDirectory) -> Iterator[Finding]:
    free = directory.free_bytes()
    text = f"{free / 2**30:.1f} GiB free"
    if free < TOO_LITTLE_BYTES:
        yield problem("disk", text, "free some space, or set [appliance] data_dir to another disk")
    elif free < LITTLE_BYTES:
        yield warning("disk", text, "free some space soon: messages are kept on this disk")
    else:
        yield ok("disk", text)
