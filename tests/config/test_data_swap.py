"""Whatever dies or fails while contents are exchanged, either the old or the new is there whole."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.config import data_swap
from appliance.config.data_dir import DataDirectory
from appliance.errors import StartupError

CALLS = ("rename", "replace", "unlink", "mkdir", "rmdir", "fsync", "open")
OLD = {
    "postroom.db": "old",
    "postroom.db-wal": "old",
    "secrets/encryption_key": "old",
    "flower.db": "old",
}
NEW = {"postroom.db": "new", "secrets/encryption_key": "new", "attachments/ab/abcd": "new"}
KEPT = {"backups/one": "kept", "postroom.lock": "kept"}

DIES = """
import os, sys
from pathlib import Path
from appliance.config import data_swap

directory, deadly = Path(sys.argv[1]), int(sys.argv[2])
calls = 0

def deadly_at_last(call):
    def counted(*arguments, **options):
        global calls
        calls += 1
        if calls == deadly:
            os._exit(9)
        return call(*arguments, **options)
    return counted

for name in sys.argv[3].split(","):
    setattr(os, name, deadly_at_last(getattr(os, name)))
data_swap.swap(directory, directory / ".postroom-new", directory / "before-restore-1", ["backups", "postroom.lock"])
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    fill(tmp_path, OLD | KEPT)
    fill(tmp_path / ".postroom-new", NEW)
    return tmp_path


def fill(directory: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def contents(directory: Path) -> dict[str, str]:
    """Without what is beside: the new before it is in, the old after it is out."""
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file()
        and not str(path.relative_to(directory)).startswith((".postroom-", "before-", "postroom.lock"))
    }


def swap(directory: Path) -> None:
    data_swap.swap(directory, directory / ".postroom-new", directory / "before-restore-1", ["backups", "postroom.lock"])


def old() -> dict[str, str]:
    return OLD | {"backups/one": "kept"}


def new() -> dict[str, str]:
    return NEW | {"backups/one": "kept"}


def dies_at(directory: Path, call: int) -> bool:
    """Exchanges in a process that ends without a word at that call of the file system. False: it came to the end."""
    ended = subprocess.run([sys.executable, "-c", DIES, directory, str(call), ",".join(CALLS)], check=False)
    assert ended.returncode in (0, 9)
    return ended.returncode == 9


def test_new_contents_are_in_and_the_old_ones_aside(directory: Path) -> None:
    swap(directory)

    assert contents(directory) == new()
    assert {name: (directory / "before-restore-1" / name).read_text() for name in OLD} == OLD
    assert not (directory / ".postroom-new").exists()


def test_process_that_dies_anywhere_leaves_the_old_or_the_new_whole(tmp_path: Path) -> None:
    outcomes = []
    for call in range(1, 100):
        place = tmp_path / str(call)
        fill(place, OLD | KEPT)
        fill(place / ".postroom-new", NEW)
        died = dies_at(place, call)

        DataDirectory(place).prepare()

        assert contents(place) in (old(), new()), call
        outcomes.append(contents(place) == new())
        if not died:
            break

    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert outcomes == sorted(outcomes)
    assert len(outcomes) > 20


def test_finishing_that_dies_as_well_is_finished_by_the_next(directory: Path) -> None:
    assert dies_at(directory, 12)

    for _ in range(3):
        data_swap.finish(directory)

    assert contents(directory) == new()


def test_nothing_is_finished_where_nothing_was_begun(directory: Path) -> None:
    data_swap.finish(directory)

    assert contents(directory) == old()


@pytest.mark.parametrize("failing", range(1, 12))
def test_disk_that_fails_once_anywhere_leaves_all_as_it_was(
    directory: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    renames = 0
    rename = os.rename

    def fails_once(*arguments: Any, **options: Any) -> None:
        nonlocal renames
        renames += 1
        if renames == failing:
            raise OSError(5, "Input/output error")
        rename(*arguments, **options)

    monkeypatch.setattr(os, "rename", fails_once)
    try:
        swap(directory)
    except OSError:
        assert contents(directory) == old()
        assert not data_swap.is_unfinished(directory)
    else:
        assert renames < failing
        assert contents(directory) == new()


def test_disk_that_goes_on_failing_is_put_right_by_the_next_start(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renames = 0
    rename: Callable[..., None] = os.rename

    def fails_from_then_on(*arguments: Any, **options: Any) -> None:
        nonlocal renames
        renames += 1
        if renames >= 5:
            raise OSError(5, "Input/output error")
        rename(*arguments, **options)

    monkeypatch.setattr(os, "rename", fails_from_then_on)
    with pytest.raises(OSError, match="Input/output error"):
        swap(directory)
    monkeypatch.undo()
    assert data_swap.is_unfinished(directory)

    DataDirectory(directory).prepare()

    assert contents(directory) == old()


def test_exchange_that_another_process_is_at_is_left_to_it(directory: Path) -> None:
    assert dies_at(directory, 12)
    other = DataDirectory(directory)
    other.lock()

    with pytest.raises(StartupError, match="already runs"):
        DataDirectory(directory).prepare()

    other.unlock()


def test_empty_directory_in_the_way_does_not_count_as_contents(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    fill(tmp_path / ".postroom-new", NEW)

    data_swap.swap(tmp_path, tmp_path / ".postroom-new", tmp_path / "before-restore-1", [])

    assert contents(tmp_path) == NEW
    assert not (tmp_path / "before-restore-1").exists()
