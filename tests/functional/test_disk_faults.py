"""A real small disk: nearly full, quite full, and one that cannot be written to."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Gate, add_account, arrivals, message, post, post_anyhow, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

MEGABYTE = 1024 * 1024
IMPATIENT = {"DELIVERY_RETRY_SECONDS": "1", "LOG_LEVEL": "warning"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The data directory is a file system of 48 MB."""
    place = tmp_path / "box" / "var"
    place.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root, and a kernel that allows it")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_below_the_floor_new_mail_is_refused_and_accepted_mail_goes_out(
    small_disk: Path, start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    appliance = start_appliance({**IMPATIENT, "CAPACITY_MIN_FREE_MB": "20"})
    add_account(appliance, gated_sink)
    gate.close()
    before = post(appliance, "before@example.com")
    wait_until(lambda: gate.waiting)

    ballast = _fill(small_disk, leave=19 * MEGABYTE)
    wait_until(lambda: post_anyhow(appliance, "until@example.com")[0] == 507)
    status, answer = post_anyhow(appliance, "no@example.com")
    uploaded, _ = _upload(appliance)
    _, health = appliance.request("GET", "/health")
    ready, why = appliance.request("GET", "/health/ready")
    gate.open()
    wait_for_status(appliance, before, "sent")

    assert (status, answer["code"]) == (507, "disk_full")
    assert "20 MB or more" in answer["detail"]
    assert uploaded == 507
    assert (health["status"], health["intake"]["ok"]) == ("degraded", False)
    assert "Make room" in health["intake"]["detail"]
    assert (ready, why["failing"]) == (503, ["intake"])

    ballast.unlink()
    wait_until(lambda: post_anyhow(appliance, "after@example.com")[0] == 202)
    assert appliance.request("GET", "/health/ready")[0] == 200
    wait_until(lambda: "after@example.com" in arrivals(gated_sink))
    assert "no@example.com" not in arrivals(gated_sink)


def test_full_disk_refuses_what_it_cannot_keep_and_loses_nothing(
    small_disk: Path, start_appliance: MakeAppliance, gated_sink: SmtpSink, gate: Gate
) -> None:
    """With no floor: an outcome that cannot be written down is kept in mind until it can."""
    appliance = start_appliance({**IMPATIENT, "CAPACITY_MIN_FREE_MB": "0"})
    add_account(appliance, gated_sink)
    gate.close()
    in_flight = post(appliance, "in-flight@example.com")
    wait_until(lambda: gate.waiting)

    ballast = _fill(small_disk, leave=0)
    refused = [_post_until_refused(appliance) for _ in range(3)]
    gate.open()
    wait_until(lambda: appliance.request("GET", "/health")[0] == 503)
    _, health = appliance.request("GET", "/health")

    assert {(status, answer["code"]) for status, answer in refused} == {(503, "storage_unavailable")}
    assert "full" in health["database"]["detail"]
    assert appliance.request("GET", "/health/live")[0] == 200

    ballast.unlink()
    wait_until(lambda: appliance.request("GET", "/health")[0] == 200)
    wait_for_status(appliance, in_flight, "sent", timeout=30)
    after = post(appliance, "after@example.com")
    wait_for_status(appliance, after, "sent", timeout=30)
    assert {recipient: len(ids) for recipient, ids in arrivals(gated_sink).items() if len(ids) > 1} == {}
    assert [one["outcome"] for one in message(appliance, in_flight)["attempts"]] == ["sent"]
    assert appliance.stop() == 0
    assert _integrity(small_disk) == "ok"


def test_killed_on_a_full_disk_it_starts_when_there_is_room(small_disk: Path, start_appliance: MakeAppliance) -> None:
    appliance = start_appliance({**IMPATIENT, "CAPACITY_MIN_FREE_MB": "0"})
    kept = post(appliance, "kept@example.com")
    ballast = _fill(small_disk, leave=0)
    _post_until_refused(appliance)
    appliance.kill()

    appliance.launch()
    code = appliance.wait()
    ballast.unlink()
    appliance.start()

    assert code == 1
    assert "No space left" in appliance.log.read_text() or "full" in appliance.log.read_text()
    wait_for_status(appliance, kept, "sent")


def test_data_directory_that_cannot_be_written_to_is_said_at_the_start(
    small_disk: Path, make_appliance: MakeAppliance
) -> None:
    appliance = make_appliance({**IMPATIENT, "CAPACITY_MIN_FREE_MB": "0"})
    appliance.start()
    kept = post(appliance)
    assert appliance.stop() == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    appliance.launch()
    code = appliance.wait()
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    said = appliance.log.read_text()
    appliance.start()

    assert code == 1
    assert "Traceback" not in said
    assert "is on a read-only file system" in said
    assert message(appliance, kept)["id"] == kept


def _fill(directory: Path, leave: int) -> Path:
    """Until `leave` bytes are free there."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
    with ballast.open("r+b") as file:
        file.truncate(max(0, ballast.stat().st_size - leave))
    return ballast


def _post_until_refused(appliance: Appliance) -> tuple[int, dict[str, object]]:
    """The log of writes has some room of its own: only what is larger than that finds out that the disk is full."""
    while True:
        status, answer = post_anyhow(appliance, "many@example.com", text="x" * 500_000)
        if status != 202:
            return status, answer


def _upload(appliance: Appliance) -> tuple[int, object]:
    attachment = {"filename": "a.txt", "content": "QUJD", "content_type": "text/plain"}
    return post_anyhow(appliance, "no@example.com", attachments=[attachment])


def _integrity(directory: Path) -> str:
    with closing(sqlite3.connect(directory / "postroom.db")) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])
