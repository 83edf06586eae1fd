"""Backups in their directory: names, checksums, and how many are kept."""

import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.services.backup_directory import BackupDirectory
from appliance.services.backup_making import no_progress
from tests.services.backup_boxes import DataBox


@pytest.fixture
def box(tmp_path: Path, migrated_file: Path) -> DataBox:
    return DataBox(tmp_path / "var", migrated_file)


@pytest.fixture
def directory(box: DataBox) -> BackupDirectory:
    return BackupDirectory(box.backups, keep=2)


def test_name_tells_when_it_was_made(box: DataBox, directory: BackupDirectory) -> None:
    made = directory.make(box.maker(), box.clock(), no_progress).path

    assert made == box.backups / "postroom-20260310T120000Z.tar.zst"
    [kept] = directory.items()
    assert (kept.name, kept.size, kept.created_at) == (made.name, made.stat().st_size, box.clock())


def test_checksum_beside_it_is_that_of_the_file(box: DataBox, directory: BackupDirectory) -> None:
    made = directory.make(box.maker(), box.clock(), no_progress).path

    checked = subprocess.run(
        ["sha256sum", "-c", f"{made.name}.sha256"], cwd=made.parent, capture_output=True, text=True, check=False
    )

    assert checked.stdout == f"{made.name}: OK\n"
    assert hashlib.sha256(made.read_bytes()).hexdigest() in (made.parent / f"{made.name}.sha256").read_text()


def test_two_of_one_second_have_names_of_their_own(box: DataBox, directory: BackupDirectory) -> None:
    first = directory.make(box.maker(), box.clock(), no_progress).path
    second = directory.make(box.maker(), box.clock(), no_progress).path

    assert second.name == "postroom-20260310T120000Z-2.tar.zst"
    assert [one.name for one in directory.items()] == [second.name, first.name]


def test_only_the_newest_are_kept(box: DataBox, directory: BackupDirectory) -> None:
    for _ in range(4):
        directory.make(box.maker(), box.clock(), no_progress)
        box.clock.advance(seconds=timedelta(days=1).total_seconds())

    removed = directory.prune()

    assert removed == 2
    assert sorted(path.name for path in box.backups.iterdir()) == [
        "postroom-20260312T120000Z.tar.zst",
        "postroom-20260312T120000Z.tar.zst.sha256",
        "postroom-20260313T120000Z.tar.zst",
        "postroom-20260313T120000Z.tar.zst.sha256",
    ]


def test_files_of_others_are_neither_listed_nor_removed(box: DataBox) -> None:
    box.backups.mkdir()
    names = ["before-0009_search.db", "postroom.tar.zst", "postroom-20260399T120000Z.tar.zst", "notes.txt"]
    for name in names:
        (box.backups / name).write_text("x")
    directory = BackupDirectory(box.backups, keep=1)
    directory.make(box.maker(), box.clock(), no_progress)

    directory.prune()

    assert len(directory.items()) == 1
    assert set(names) <= {path.name for path in box.backups.iterdir()}


def test_backup_that_was_copied_there_is_not_taken_for_verified(box: DataBox, directory: BackupDirectory) -> None:
    box.backups.mkdir()
    box.maker().make(box.backups / "postroom-20260101T000000Z.tar.zst")

    [kept] = directory.items()

    assert kept.verified_at is None


def test_directory_that_is_not_there_holds_nothing(directory: BackupDirectory) -> None:
    assert (directory.items(), directory.prune()) == ([], 0)


def test_checksum_of_one_that_lacks_attachments_is_read_by_sha256sum_all_the_same(
    box: DataBox, directory: BackupDirectory
) -> None:
    box.fill()
    box.lose_attachments()
    made = directory.make(box.maker(), box.clock(), no_progress).path

    checked = subprocess.run(
        ["sha256sum", "--strict", "-c", f"{made.name}.sha256"],
        cwd=made.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, f"{made.name}: OK\n", "")


def test_backup_whose_checksum_cannot_be_read_is_listed_all_the_same(box: DataBox, directory: BackupDirectory) -> None:
    """As one that root made is for everybody else."""
    made = directory.make(box.maker(), box.clock(), no_progress).path
    beside = made.with_name(f"{made.name}.sha256")
    beside.unlink()
    beside.mkdir()  # nobody can read that, root included

    [kept] = directory.items()

    assert (kept.name, kept.missing_attachments) == (made.name, 0)
