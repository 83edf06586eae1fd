"""A backup of the running appliance, taken under load, put back elsewhere: everything is in it, and nothing is sent."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from appliance.config.data_dir import DataDirectory
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Clients, Gate, add_account, arrivals, message, post, wait_for_status
from tests.functional.processes import RUN, Appliance
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

QUIET = {"LOG_LEVEL": "warning"}


def copy_of(make_appliance: MakeAppliance, archive: Path, **environment: str) -> Appliance:
    """Another box that the backup is restored into; it does not run yet."""
    copy: Appliance = make_appliance(environment, directory="copy")
    copy.command("restore", str(archive))
    return copy


def recipients(appliance: Appliance) -> set[str]:
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as connection:
        return {row[0] for row in connection.execute("SELECT email FROM recipients")}


def box(appliance: Appliance, verb: str = "", body: Any = None) -> dict[str, Any]:
    method, path = ("POST", f"/api/v1/box/{verb}") if verb else ("GET", "/api/v1/box")
    status, answer = appliance.request(method, path, appliance.local_token(), body)
    assert status == 200, answer
    return dict(answer)


def backups(appliance: Appliance, method: str = "GET") -> dict[str, Any]:
    _, answer = appliance.request(method, "/api/v1/backups", appliance.local_token())
    return dict(answer)


def test_backup_under_load_has_everything_that_was_accepted_before_and_sends_nothing_until_told(
    start_appliance: MakeAppliance, make_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate, tmp_path: Path
) -> None:
    appliance, archive = start_appliance(QUIET), tmp_path / "box.tar.zst"
    add_account(appliance, gated_sink)
    with Clients(appliance) as clients:
        clients.post_more(60)
        gate.close()  # from here on messages wait
        clients.post_more(60)
        before = set(clients.accepted)
        appliance.command("backup", "--to", str(archive))
        clients.post_more(10)
    appliance.kill()
    gate.open()
    wait_until(lambda: not gated_sink.open_connections)
    sent_by_the_first = dict(arrivals(gated_sink))

    checked = make_appliance(directory="elsewhere").command("restore", "--check", str(archive))
    copy = copy_of(make_appliance, archive)
    copy.start()
    new = post(copy, "new@example.com")

    assert "The backup is sound" in checked.stderr
    assert before <= recipients(copy)
    state = box(copy)
    assert (state["reason"], state["waiting"]["total"] > 0) == ("restored", True)
    assert "restored from a backup" in message(copy, new)["explanation"]
    assert any("this box was restored from a backup" in line for line in copy.log_lines())
    assert arrivals(gated_sink) == sent_by_the_first
    box(copy, "resume")
    wait_for_status(copy, new, "sent")
    wait_until(lambda: before <= set(arrivals(gated_sink)))
    assert all(len(set(ids)) == 1 for ids in arrivals(gated_sink).values())  # what came twice is the same message


def test_what_waits_in_a_copy_can_be_held_while_new_messages_go(
    start_appliance: MakeAppliance, make_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate, tmp_path: Path
) -> None:
    appliance, archive = (
        start_appliance(QUIET | {"DISPATCHER_MIN_SLOTS": "1", "DISPATCHER_MAX_SLOTS": "1"}),
        tmp_path / "b",
    )
    add_account(appliance, gated_sink)
    gate.close()
    post(appliance, "first@example.com")
    wait_until(lambda: gate.waiting)
    old = post(appliance, "old@example.com")
    appliance.command("backup", "--to", str(archive))
    appliance.kill()
    gate.open()
    copy = copy_of(make_appliance, archive)
    copy.start()

    job = box(copy, "resume", {"waiting": "hold"})["job"]
    wait_until(lambda: not box(copy)["paused"])
    new = post(copy, "new@example.com")
    wait_for_status(copy, new, "sent")

    assert job.startswith("job_")
    assert message(copy, old)["status"] == "held"
    assert "old@example.com" not in arrivals(gated_sink)


def test_backup_asked_for_over_the_api_is_made_kept_and_told_of(start_appliance: MakeAppliance) -> None:
    appliance = start_appliance({"BACKUP_KEEP": "2"})
    for count in (1, 2, 3):
        backups(appliance, "POST")
        wait_until(lambda made=count: made_at(appliance) >= made)  # type: ignore[misc]

    shown = backups(appliance)

    assert len(shown["items"]) == 2
    assert all(one["verified"] for one in shown["items"])
    assert shown["last_run"]["name"] == shown["items"][0]["name"]
    assert {path.suffix for path in (appliance.data_dir / "backups").iterdir()} == {".zst", ".sha256"}


def made_at(appliance: Appliance) -> int:
    return sum("backup made" in line for line in appliance.log_lines())


def test_restore_is_refused_while_the_appliance_runs(start_appliance: MakeAppliance) -> None:
    appliance = start_appliance(QUIET)
    made = appliance.command("backup").stdout.strip()

    refused = appliance.command("restore", made, check=False)
    checked = appliance.command("restore", "--check", made)

    assert refused.returncode == 1
    assert "already runs with the data directory" in refused.stderr
    assert "The backup is sound" in checked.stderr
    assert appliance.request("GET", "/health/ready")[0] == 200


def test_stopped_box_is_backed_up_and_restored_over_itself(make_appliance: MakeAppliance) -> None:
    appliance = make_appliance()
    appliance.start()
    message_id = post(appliance)
    wait_for_status(appliance, message_id, "sent")  # into the built-in mailbox
    assert appliance.stop() == 0

    backup = appliance.command("backup")
    restored = appliance.command("restore", backup.stdout.strip())
    appliance.start()

    assert "It holds 1 messages" in backup.stderr
    assert "It holds the secrets as well" in backup.stderr
    assert "This box is paused" in restored.stderr
    assert message(appliance, message_id)["status"] == "sent"
    assert box(appliance)["paused"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.tar.zst",), "nowhere.tar.zst was not restored, nothing has changed: "),
        (("--check", "nowhere.tar.zst"), "nowhere.tar.zst cannot be checked: "),
    ],
)
def test_archive_that_is_not_there_is_named(make_appliance: MakeAppliance, words: tuple[str, ...], said: str) -> None:
    refused = make_appliance().command("restore", *words, check=False)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(said)


def test_nothing_to_back_up_is_said_so(make_appliance: MakeAppliance) -> None:
    refused = make_appliance().command("backup", check=False)

    assert refused.returncode == 1
    assert "There is nothing to back up" in refused.stderr


def test_backup_without_secrets_says_so_loudly(make_appliance: MakeAppliance, tmp_path: Path) -> None:
    appliance = make_appliance()
    appliance.create_key()

    made = appliance.command("backup", "--without-secrets", "--to", str(tmp_path / "box.tar.zst"))

    assert "THE SECRETS ARE NOT IN IT" in made.stderr


def test_restore_killed_at_any_moment_leaves_one_box_whole(make_appliance: MakeAppliance, tmp_path: Path) -> None:
    appliance, archive = make_appliance(), tmp_path / "box.tar.zst"
    appliance.create_key()
    marked = _mark(appliance, "old")
    appliance.command("backup", "--to", str(archive))
    _mark(appliance, "new")
    outcomes = set()

    for _ in range(6):
        _restore_and_kill(appliance, archive, after=random.uniform(0.3, 1.6))
        DataDirectory(appliance.data_dir).prepare()
        outcomes.add(_marked(appliance))

    assert marked == "old"
    assert outcomes <= {"old", "new"}


def _mark(appliance: Appliance, word: str) -> str:
    """Says in the database and beside it which of the two boxes this is."""
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as connection:
        connection.execute(
            "INSERT OR REPLACE INTO flags (name, value, changed_at) VALUES ('mark', ?, '2026-03-10')", [f'"{word}"']
        )
        connection.commit()
    (appliance.data_dir / "secrets" / "mark").write_text(word)
    return word


def _marked(appliance: Appliance) -> str:
    with closing(sqlite3.connect(appliance.data_dir / "postroom.db")) as connection:
        [word] = connection.execute("SELECT value FROM flags WHERE name = 'mark'").fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    beside = (appliance.data_dir / "secrets" / "mark").read_text()
    assert word == f'"{beside}"'
    return beside


def _restore_and_kill(appliance: Appliance, archive: Path, after: float) -> None:
    process = subprocess.Popen(
        [sys.executable, str(RUN), "--config", str(appliance.config), "restore", str(archive)],
        env={**os.environ, **appliance.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with suppress(subprocess.TimeoutExpired):
        process.wait(after)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk")
def test_disk_that_is_too_small_gets_no_backup_and_no_rubbish(make_appliance: MakeAppliance, tmp_path: Path) -> None:
    appliance, disk = make_appliance(), tmp_path / "disk"
    appliance.create_key()
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine does not let anybody mount a disk")
    try:
        refused = appliance.command("backup", "--to", str(disk / "box.tar.zst"), check=False)

        assert refused.returncode == 1
        assert "There is no room for a backup" in refused.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


@needs_postgres
@pytest.mark.postgres
def test_on_a_database_server_the_rest_is_backed_up_and_the_restored_box_is_paused(
    make_appliance: MakeAppliance, postgres_url: str, tmp_path: Path
) -> None:
    appliance, archive = make_appliance({"DATABASE_URL": postgres_url}), tmp_path / "box.tar.zst"
    appliance.create_key()

    made = appliance.command("backup", "--to", str(archive))
    shutil.rmtree(appliance.data_dir)
    restored = appliance.command("restore", str(archive))
    appliance.start()

    assert "THE DATABASE IS NOT IN IT" in made.stderr
    assert "This box is paused" in restored.stderr
    assert box(appliance)["reason"] == "restored"
