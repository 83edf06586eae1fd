"""A backup holds everything that a box needs, and appears whole or not at all."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import update

from appliance.config import browser_settings
from appliance.db.models import Message
from appliance.db.models.message import MessageStatus
from appliance.services import backup_making
from appliance.services.backup_making import BackupFailed, BackupMaker, Source
from tests.services.backup_boxes import DataBox, members, unpacked


@pytest.fixture
def box(tmp_path: Path, migrated_file: Path) -> DataBox:
    box = DataBox(tmp_path / "var", migrated_file)
    box.fill()
    return box


def test_backup_holds_database_secrets_and_the_attachments_that_messages_need(box: DataBox) -> None:
    box.files.store(b"nobody needs this")

    names = members(unpacked(box.back_up()))

    assert names[:2] == ["postroom-backup.json", "postroom.db"]
    assert names[2:4] == ["secrets/box_id", "secrets/encryption_key"]
    assert [name.partition("/")[0] for name in names[4:]] == ["attachments", "SHA256SUMS", "manifest.json"]


def test_manifest_says_what_is_in_it(box: DataBox) -> None:
    manifest = box.maker().make(box.directory.parent / "x.tar.zst")

    assert manifest.messages == {"queued": 3}
    assert (manifest.box_id, manifest.created_at, manifest.attachments) == ("thisbox0", box.clock(), 1)
    assert (manifest.secrets, manifest.missing_attachments) == (True, 0)


def test_sums_are_those_that_sha256sum_reads(box: DataBox) -> None:
    with tarfile.open(fileobj=io.BytesIO(unpacked(box.back_up()))) as opened:
        sums = opened.extractfile("SHA256SUMS")
        assert sums is not None
        for line in sums.read().decode().splitlines():
            digest, _, name = line.partition("  ")
            member = opened.extractfile(name)
            assert member is not None
            assert hashlib.sha256(member.read()).hexdigest() == digest


def test_backup_is_for_its_owner_alone(box: DataBox) -> None:
    assert box.back_up().stat().st_mode & 0o777 == 0o600


def test_without_secrets_none_is_in_it(box: DataBox) -> None:
    tar = unpacked(box.back_up(secrets=False))

    assert not any(name.startswith("secrets") for name in members(tar))
    assert (box.data_dir.secrets / "encryption_key").read_bytes().strip() not in tar


def test_nothing_is_left_beside_it(box: DataBox) -> None:
    archive = box.back_up()

    assert sorted(path.name for path in archive.parent.iterdir()) == [archive.name, "var"]


def test_missing_attachment_is_counted_and_the_rest_is_backed_up(box: DataBox) -> None:
    box.lose_attachments()

    manifest = box.maker().make(box.directory.parent / "x.tar.zst")

    assert (manifest.attachments, manifest.missing_attachments, manifest.missing_for_waiting) == (0, 1, 1)


def test_missing_attachment_of_a_message_that_was_sent_is_none_that_waiting_messages_need(box: DataBox) -> None:
    box.lose_attachments()
    box.write(lambda session: session.execute(update(Message).values(status=MessageStatus.SENT)) and None)

    manifest = box.maker().make(box.directory.parent / "x.tar.zst")

    assert (manifest.missing_attachments, manifest.missing_for_waiting) == (1, 0)


def test_what_was_chosen_in_the_browser_is_in_it(box: DataBox) -> None:
    without = box.maker().make(box.directory.parent / "without.tar.zst")
    browser_settings.write(box.directory, {("appliance", "timezone"): "Asia/Tokyo"})

    manifest = box.maker().make(box.directory.parent / "x.tar.zst")

    assert (without.settings, manifest.settings) == (False, True)
    assert "settings.ini" in members(unpacked(box.directory.parent / "x.tar.zst"))


def test_progress_comes_to_the_end_of_each_stage(box: DataBox) -> None:
    seen: dict[str, tuple[int, int]] = {}

    box.back_up(progress=lambda stage, done, total: seen.update({stage: (done, total)}))

    assert list(seen) == ["database", "archive", "check"]
    assert all(done == total for done, total in seen.values())


@pytest.mark.parametrize("stage", ["database", "archive", "check"])
def test_backup_that_is_stopped_leaves_the_one_before(box: DataBox, stage: str) -> None:
    archive = box.back_up()
    before = archive.read_bytes()

    def stop(at: str, _done: int, _total: int) -> None:
        if at == stage:
            raise BackupFailed("stopped")

    with pytest.raises(BackupFailed, match="stopped"):
        box.back_up(progress=stop)

    assert archive.read_bytes() == before
    assert sorted(path.name for path in archive.parent.iterdir()) == [archive.name, "var"]


def test_backup_without_room_is_refused_before_it_begins(box: DataBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_making, "RESERVE", 2**60)

    with pytest.raises(BackupFailed, match=r"There is no room for a backup in .*Free some space"):
        box.back_up("full.tar.zst")

    assert not (box.directory.parent / "full.tar.zst").exists()


def test_damaged_database_is_not_backed_up_over_a_good_one(box: DataBox) -> None:
    archive = box.back_up()
    before = archive.read_bytes()
    content = bytearray(box.file.read_bytes())
    content[8192 : len(content) // 2] = bytes(len(content) // 2 - 8192)
    box.file.write_bytes(content)

    with pytest.raises(BackupFailed, match=r"The database is damaged: .*Restore the last good backup"):
        box.back_up()

    assert archive.read_bytes() == before


def test_where_a_server_has_the_database_the_rest_is_backed_up(box: DataBox) -> None:
    source = Source(box.data_dir, None, server_revision="0001")

    manifest = BackupMaker(source, clock=box.clock).make(box.directory.parent / "server.tar.zst")

    assert (manifest.database, manifest.revision, manifest.attachments) == ("server", "0001", 1)
    assert "postroom.db" not in members(unpacked(box.directory.parent / "server.tar.zst"))


def test_rest_is_taken_after_each_step(box: DataBox) -> None:
    worked: list[float] = []

    BackupMaker(Source(box.data_dir, box.file), clock=box.clock, rest=worked.append).make(box.directory / "x")

    assert len(worked) >= 6
    assert all(seconds >= 0 for seconds in worked)
