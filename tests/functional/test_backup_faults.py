"""Backups where something is wrong with the disk, or with what is on it."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.functional.conftest import MakeAppliance

QUIET = {"LOG_LEVEL": "warning"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a disk that cannot be written to")
def test_sound_database_on_a_read_only_disk_is_not_called_damaged_and_backups_can_be_checked(
    make_appliance: MakeAppliance, tmp_path: Path
) -> None:
    appliance, archive = make_appliance(), tmp_path / "box.tar.zst"
    appliance.data_dir.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", appliance.data_dir], check=False).returncode:
        pytest.skip("this machine does not let anybody mount a disk")
    try:
        appliance.create_key()
        appliance.command("backup", "--to", str(archive))
        subprocess.run(["mount", "-o", "remount,ro", appliance.data_dir], check=True)

        [said] = [line for line in appliance.command("check", check=False).stdout.splitlines() if "does not" in line]
        checked = appliance.command("restore", "--check", str(archive))

        assert "unable to open database file" in said
        assert "restore a backup" not in said
        assert f"see that {appliance.data_dir} and what is in it can be written to" in said
        assert "The backup is sound" in checked.stderr
    finally:
        subprocess.run(["umount", "--lazy", appliance.data_dir], check=True)


def test_backup_that_lacks_what_waiting_messages_need_is_not_called_sound(
    start_appliance: MakeAppliance, make_appliance: MakeAppliance, tmp_path: Path
) -> None:
    appliance, archive = start_appliance(QUIET), tmp_path / "box.tar.zst"
    attachment = {"filename": "a.txt", "content": "aW52b2ljZQ=="}
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    status, _ = appliance.request(
        "POST",
        "/api/v1/messages",
        appliance.local_token(),
        {"to": ["a@example.com"], "subject": "x", "text": "x", "send_at": later, "attachments": [attachment]},
    )
    for path in (appliance.data_dir / "attachments").glob("*/*"):
        path.unlink()

    made = appliance.command("backup", "--to", str(archive))
    checked = appliance.command("restore", "--check", str(archive), check=False)
    restored = make_appliance(directory="copy").command("restore", str(archive))

    assert status == 202
    assert "MESSAGES THAT WAIT NEED 1 OF THEM" in made.stderr
    assert checked.returncode == 1
    assert "is not whole. ATTACHMENTS ARE MISSING: waiting messages need 1" in checked.stderr
    assert "The backup is sound" not in checked.stderr
    assert "ATTACHMENTS ARE MISSING" in restored.stderr
