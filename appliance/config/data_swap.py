"""Puts new contents into the data directory in place of the old ones, all or nothing.

The directory itself stays: it may be a mount point, and the lock is in it. So what changes place is its entries, one
rename each, by a plan that is on the disk before the first of them. A process that dies before the plan is there has
changed nothing; after one that dies later, the next that comes carries the plan out to its end. Each step looks whether
it was done, so a plan can be carried out any number of times.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from appliance.durable import sync

PLAN = "restore.json"


@dataclass(frozen=True, slots=True)
class _Plan:
    """`staging` has what comes in, `aside` is where the entries `old` go. `back`: they come back instead."""

    staging: str
    aside: str
    old: Sequence[str]
    new: Sequence[str]
    back: bool = False


def swap(directory: Path, staging: Path, aside: Path, keep: Iterable[str]) -> None:
    """Moves the entries of `directory` into `aside` and those of `staging` in; both lie inside it.

    `aside` is made, and gone again when nothing was there to go into it. The entries `keep` stay where they are.
    To be called by whoever has the lock of the directory.

    Raises:
        OSError: everything is again as it was.
    """
    kept = {*keep, staging.name, aside.name, PLAN}
    old = sorted(path.name for path in directory.iterdir() if path.name not in kept and not _drop_empty(path))
    new = sorted(path.name for path in staging.iterdir())
    plan = _Plan(staging.name, aside.name, old, new)
    _write(directory, plan)
    try:
        _carry_out(directory, plan)
    except OSError:
        back = replace(plan, back=True)
        _write(directory, back)
        _carry_out(directory, back)
        raise


def is_unfinished(directory: Path) -> bool:
    return (directory / PLAN).exists()


def finish(directory: Path) -> None:
    """After a process that died: carries its plan out to the end. Harmless when there is none. Raises OSError."""
    if is_unfinished(directory):
        _carry_out(directory, _Plan(**json.loads((directory / PLAN).read_text(encoding="utf-8"))))


def _carry_out(directory: Path, plan: _Plan) -> None:
    staging, aside = directory / plan.staging, directory / plan.aside
    aside.mkdir(mode=0o700, exist_ok=True)
    if plan.back:
        _move(plan.new, directory, staging)
        _move(plan.old, aside, directory)
    else:
        _move(plan.old, directory, aside)
        _move(plan.new, staging, directory)
    (directory / PLAN).unlink()
    sync(directory)
    _tidy(staging, aside)


def _drop_empty(path: Path) -> bool:
    """Nobody misses a directory with nothing in it."""
    if path.is_symlink() or not path.is_dir() or any(path.iterdir()):
        return False
    path.rmdir()
    return True


def _move(names: Sequence[str], source: Path, target: Path) -> None:
    """What is in `target` already was moved before."""
    for name in names:
        if not os.path.lexists(target / name):
            (source / name).rename(target / name)
    sync(target)
    sync(source)


def _tidy(staging: Path, aside: Path) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    if not any(aside.iterdir()):
        aside.rmdir()


def _write(directory: Path, plan: _Plan) -> None:
    with tempfile.NamedTemporaryFile("w", dir=directory / plan.staging, delete=False, encoding="utf-8") as file:
        json.dump(asdict(plan), file)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(directory / PLAN)
    sync(directory)
