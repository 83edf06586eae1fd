"""The backups that are made by themselves."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from appliance.db.database import Database
from appliance.db.models import Flag
from appliance.errors import Forbidden, NotFound, StorageUnavailable
from appliance.services import audit
from appliance.services.backup_directory import BackupDirectory
from appliance.services.backup_making import BackupFailed, BackupMaker, Source
from appliance.services.backups import LAST_RUN, BackupProgress, Backups
from tests.fakes import FakeClock
from tests.services.backup_boxes import DataBox


@pytest.fixture
def box(tmp_path: Path, migrated_file: Path) -> DataBox:
    return DataBox(tmp_path / "var", migrated_file)


def backups_of(box: DataBox, database: Database, clock: FakeClock, **options: Any) -> Backups:
    maker = BackupMaker(Source(box.data_dir, box.file), clock=clock)
    usual: dict[str, Any] = {"run_native": lambda fn: fn(), "clock": clock}
    return Backups(database, maker, BackupDirectory(box.backups, keep=2), **(usual | options))


def test_run_makes_one_and_keeps_as_many_as_it_should(box: DataBox, database: Database, clock: FakeClock) -> None:
    backups = backups_of(box, database, clock)

    names = []
    for _ in range(3):
        names.append(backups.run()["name"])
        clock.advance(days=1)

    assert [one.name for one in backups.items()] == [names[2], names[1]]


def test_last_run_is_remembered_by_the_next_process(box: DataBox, database: Database, clock: FakeClock) -> None:
    made = backups_of(box, database, clock).run()

    last = backups_of(box, database, clock).last_run()

    assert last is not None
    assert (last.name, last.size, last.at, last.error) == (made["name"], made["size"], clock(), "")


def test_run_that_lacks_attachments_of_waiting_messages_says_so(
    box: DataBox, database: Database, clock: FakeClock
) -> None:
    box.fill()
    box.lose_attachments()
    backups = backups_of(box, database, clock)

    with capture_logs() as logs:
        backups.run()

    last = backups_of(box, database, clock).last_run()
    assert last is not None
    assert (last.error, last.missing_attachments, last.missing_for_waiting) == ("", 1, 1)
    [kept] = backups.items()
    assert (kept.verified_at is not None, kept.missing_attachments, kept.missing_for_waiting) == (True, 1, 1)
    assert {"log_level": "warning", "missing": 1, "needed_by_unsent_messages": 1}.items() <= logs[-1].items()


def test_what_a_newer_version_noted_of_its_run_does_no_harm(box: DataBox, database: Database, clock: FakeClock) -> None:
    value = {"at": clock().isoformat(), "name": "x", "size": 1, "seconds": 1.0, "error": "", "moon_phase": "full"}
    database.write(lambda session: Flag.put(session, LAST_RUN, value, now=clock()))

    last = backups_of(box, database, clock).last_run()

    assert last is not None
    assert last.name == "x"


def test_run_that_fails_is_remembered_and_raises(box: DataBox, database: Database, clock: FakeClock) -> None:
    box.backups.write_text("in the way")
    backups = backups_of(box, database, clock)

    with pytest.raises(BackupFailed, match="File exists"):
        backups.run()

    last = backups_of(box, database, clock).last_run()
    assert last is not None
    assert "File exists" in last.error


def test_failure_that_cannot_be_written_down_is_known_all_the_same(
    box: DataBox, database: Database, clock: FakeClock
) -> None:
    box.backups.write_text("in the way")
    backups = backups_of(box, database, clock)
    database.writer.stop()

    with pytest.raises(BackupFailed, match="File exists"):
        backups.run()

    last = backups.last_run()
    assert last is not None
    assert last.error


def test_no_run_yet_is_told_as_such(box: DataBox, database: Database, clock: FakeClock) -> None:
    assert backups_of(box, database, clock).last_run() is None


def test_failed_run_removes_no_older_backup(box: DataBox, database: Database, clock: FakeClock) -> None:
    backups = backups_of(box, database, clock)
    backups.run()
    box.file.write_text("no database")
    clock.advance(days=1)

    with pytest.raises(BackupFailed):
        backups.run()

    assert len(backups.items()) == 1


def test_second_run_at_the_same_time_steps_aside(box: DataBox, database: Database, clock: FakeClock) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(fn: Callable[[], Any]) -> Any:
        begun.set()
        go_on.wait()
        return fn()

    backups = backups_of(box, database, clock, run_native=slowly)
    first = threading.Thread(target=backups.run)
    first.start()
    begun.wait()

    second = backups.run()

    go_on.set()
    first.join()
    assert second == {"skipped": "another run is at work"}
    assert len(backups.items()) == 1


def test_run_that_is_interrupted_leaves_nothing_behind(box: DataBox, database: Database, clock: FakeClock) -> None:
    backups = backups_of(box, database, clock)
    backups.interrupt()

    with pytest.raises(BackupFailed, match="was stopped while the backup was made"):
        backups.run()

    assert list(box.backups.iterdir()) == []


def test_directory_that_cannot_be_read_is_said_to_be_unavailable(
    box: DataBox, database: Database, clock: FakeClock
) -> None:
    backups = backups_of(box, database, clock)
    box.backups.symlink_to(box.backups)  # leads in circles, for root as well

    with pytest.raises(StorageUnavailable, match="cannot be listed"):
        backups.items()


def test_one_that_is_kept_can_be_taken_away_and_nothing_else(
    box: DataBox, database: Database, clock: FakeClock
) -> None:
    backups = backups_of(box, database, clock)
    made = backups.run()["name"]

    assert backups.download(made) == box.backups / made
    for name in ("", "nothing", f"../backups/{made}", f"{made}.sha256"):
        with pytest.raises(NotFound):
            backups.download(name)


def test_only_administrators_take_one_away(box: DataBox, database: Database, clock: FakeClock) -> None:
    backups = backups_of(box, database, clock)
    made = backups.run()["name"]

    with audit.act_as(replace(audit.SYSTEM, role="operator")), pytest.raises(Forbidden):
        backups.download(made)


def test_while_one_is_made_it_says_how_far_it_is(box: DataBox, database: Database, clock: FakeClock) -> None:
    seen: list[BackupProgress | None] = []

    def native(work: Callable[[], Any]) -> Any:
        made = work()
        seen.append(backups.progress)
        return made

    backups = backups_of(box, database, clock, run_native=native)
    assert backups.progress is None

    backups.run()

    [last] = seen
    assert last is not None
    assert (last.stage, last.done) == ("check", last.total)
    assert backups.progress is None
