"""A backup is put back whole or not at all, and the box that comes out of it sends nothing."""

import os
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from appliance.config.vault import Vault
from appliance.db.models import AuditEntry, Flag, User, UserSession
from appliance.db.models.audit_entry import ActorKind
from appliance.db.models.box import SENDING_PAUSED, PauseReason
from appliance.db.queries import access
from appliance.db.queries import box as box_queries
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.backup_making import BackupMaker, Source
from appliance.services.backup_manifest import BackupDamaged, BackupTooNew
from appliance.services.backup_verifying import KeyMissing
from appliance.services.restoring import Restore, RestoreRefused, Target
from tests.factories import add_message
from tests.services.backup_boxes import DataBox


@pytest.fixture
def box(tmp_path: Path, migrated_file: Path) -> DataBox:
    box = DataBox(tmp_path / "var", migrated_file)
    box.fill()
    return box


@pytest.fixture
def other(tmp_path: Path, migrated_file: Path) -> DataBox:
    """Another box, with a key of its own."""
    return DataBox(tmp_path / "other", migrated_file)


def set_revision(box: DataBox, revision: str) -> None:
    box.write(
        lambda session: session.connection().exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    )


def test_restored_box_has_what_was_backed_up(box: DataBox) -> None:
    archive, before = box.back_up(), box.contents()
    box.write(add_message)
    (box.data_dir.secrets / "encryption_key").write_text("another")

    box.restore().restore(archive)

    after = box.contents()
    assert box.file.exists()
    assert {name: content for name, content in after.items() if name != "postroom.db"} == {
        name: content for name, content in before.items() if not name.startswith("postroom.db")
    }


def test_restored_box_is_paused_and_says_of_which_backup_it_is(box: DataBox) -> None:
    made_at, archive = box.clock(), box.back_up()
    box.clock.advance(hours=5)

    box.restore().restore(archive)

    pause = box.read(box_queries.pause)
    assert (pause.reason, pause.backup_at, pause.since) == (PauseReason.RESTORED, made_at, box.clock())


def test_nobody_is_signed_in_on_a_restored_box(box: DataBox) -> None:
    box.write(lambda session: session.add(User(id="usr_1", name="ann", password_hash="", created_at=box.clock())))
    signed_in = UserSession(
        id="ses_1",
        user_id="usr_1",
        token_hash="x",
        created_at=box.clock(),
        last_seen_at=box.clock(),
        expires_at=box.clock(),
    )
    box.write(lambda session: session.merge(signed_in) and None)
    archive = box.back_up()

    box.restore().restore(archive)

    assert box.read(lambda session: access.sessions_of(session, "usr_1")) == []


def test_what_was_there_before_is_kept_aside(box: DataBox) -> None:
    archive = box.back_up()
    box.write(add_message)

    restored = box.restore().restore(archive)

    assert restored.aside == box.directory / "before-restore-20260310T120000Z"
    assert sorted(path.name for path in restored.aside.iterdir()) == ["attachments", "postroom.db", "secrets"]


def test_restoring_twice_in_a_second_keeps_both(box: DataBox) -> None:
    archive = box.back_up()

    asides = {box.restore().restore(archive).aside for _ in range(3)}

    assert len(asides) == 3
    assert all(aside is not None and aside.is_dir() for aside in asides)


def test_into_an_empty_directory_nothing_is_moved_aside(box: DataBox) -> None:
    archive = box.back_up()
    shutil.rmtree(box.directory)
    box.data_dir.prepare()

    restored = box.restore().restore(archive)

    assert restored.aside is None
    assert sorted(path.name for path in box.directory.iterdir()) == ["attachments", "postroom.db", "secrets"]


def test_backups_stay_where_they_are_and_one_of_them_can_be_restored(box: DataBox) -> None:
    box.backups.mkdir()
    archive = box.backups / "postroom-20260310T120000Z.tar.zst"
    box.maker().make(archive)

    box.restore().restore(archive)

    assert archive.exists()


def test_archive_that_lies_in_the_data_directory_stays(box: DataBox) -> None:
    archive = box.directory / "mine.tar.zst"
    box.maker().make(archive)

    box.restore().restore(archive)

    assert archive.exists()


def test_restored_files_are_for_their_owner_alone(box: DataBox) -> None:
    archive = box.back_up()

    box.restore().restore(archive)

    restored = [path for path in box.directory.rglob("*") if "before-" not in str(path)]
    assert all(path.stat().st_mode & 0o077 == 0 for path in restored)


def test_check_leaves_everything_as_it_is(box: DataBox) -> None:
    archive, before = box.back_up(), box.contents()

    manifest = box.restore().check(archive)

    assert (manifest.messages, box.contents()) == ({"queued": 3}, before)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_archive_changes_nothing(box: DataBox, share: float) -> None:
    archive, before = box.back_up(), box.contents()
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(BackupDamaged):
        box.restore().restore(archive)

    assert box.contents() == before
    assert not list(box.directory.glob(".postroom-*"))


def test_missing_archive_changes_nothing(box: DataBox) -> None:
    before = box.contents()

    with pytest.raises(FileNotFoundError):
        box.restore().restore(box.directory / "nowhere")

    assert box.contents() == before


def test_backup_of_a_newer_version_is_refused(box: DataBox) -> None:
    set_revision(box, "9999_from_the_future")
    archive, before = box.back_up(), box.contents()

    for attempt in (box.restore().check, box.restore().restore):
        with pytest.raises(BackupTooNew, match=r"newer version .*9999_from_the_future.*Restore it with that version"):
            attempt(archive)

    assert box.contents() == before


def test_backup_of_an_older_schema_is_restored(box: DataBox) -> None:
    set_revision(box, "0002_templates")
    archive = box.back_up()

    box.restore().restore(archive)

    assert box.restore().check(archive).revision == "0002_templates"


def test_key_that_does_not_open_the_passwords_is_refused(box: DataBox) -> None:
    (box.data_dir.secrets / "encryption_key").write_text(Vault.new_key())
    archive, before = box.back_up(), box.contents()

    for attempt in (box.restore().check, box.restore().restore):
        with pytest.raises(KeyMissing, match=r"does not open what is encrypted in sender_accounts"):
            attempt(archive)

    assert box.contents() == before


def test_backup_whose_key_was_lost_is_refused(box: DataBox) -> None:
    (box.data_dir.secrets / "encryption_key").unlink()
    archive = box.back_up()

    with pytest.raises(BackupDamaged, match="the encryption key is missing"):
        box.restore().check(archive)


def test_backup_without_secrets_takes_those_that_are_there(box: DataBox) -> None:
    archive, before = box.back_up(secrets=False), box.contents()

    box.restore().restore(archive)

    after = box.contents()
    assert {name for name in after if name.startswith("secrets")} == {"secrets/box_id", "secrets/encryption_key"}
    assert after["secrets/encryption_key"] == before["secrets/encryption_key"]


def test_backup_without_secrets_is_refused_by_a_box_with_another_key(box: DataBox, other: DataBox) -> None:
    archive, before = box.back_up(secrets=False), other.contents()

    with pytest.raises(KeyMissing, match="belongs to another box"):
        other.restore().restore(archive)

    assert other.contents() == before


def test_backup_without_secrets_asks_for_the_key_where_there_is_none(box: DataBox) -> None:
    archive = box.back_up(secrets=False)
    shutil.rmtree(box.directory)
    box.data_dir.prepare()

    with pytest.raises(KeyMissing, match=r"made without secrets.*Put the encryption key .*secrets/encryption_key"):
        box.restore().restore(archive)


def test_backup_with_the_database_on_a_server_does_not_go_into_a_file(box: DataBox) -> None:
    archive = box.directory.parent / "server.tar.zst"
    BackupMaker(Source(box.data_dir, None, "0001_first_schema"), clock=box.clock).make(archive)

    with pytest.raises(RestoreRefused, match=r"is in a database server; set \[database\] url"):
        box.restore().restore(archive)


def test_where_a_server_has_the_database_the_pause_is_set_there(box: DataBox) -> None:
    archive = box.directory.parent / "server.tar.zst"
    BackupMaker(Source(box.data_dir, None, "0001_first_schema"), clock=box.clock).make(archive)
    target = Target(box.data_dir, None, box.backups, change_server=box.write)

    Restore(target, clock=box.clock).restore(archive)

    shutil.copy(box.directory / "before-restore-20260310T120000Z" / "postroom.db", box.file)
    assert box.read(lambda session: session.get(Flag, SENDING_PAUSED)) is not None


def test_database_outside_of_the_data_directory_is_refused(box: DataBox, tmp_path: Path) -> None:
    archive = box.back_up()
    target = Target(box.data_dir, tmp_path / "elsewhere" / "mail.db", box.backups)

    with pytest.raises(RestoreRefused, match=r"not in the data directory.*Leave \[database\] url empty"):
        Restore(target, clock=box.clock).restore(archive)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_restores_for_the_user_whose_directory_it_is(box: DataBox) -> None:
    archive = box.back_up()
    shutil.chown(box.directory, 12345, 12345)

    box.restore().restore(archive)

    restored = [path for path in box.directory.rglob("*") if "before-" not in str(path)]
    assert {path.stat().st_uid for path in restored} == {12345}


def test_restored_database_says_who_restored_it_and_from_what(box: DataBox) -> None:
    made_at, archive = box.clock(), box.back_up()
    box.clock.advance(hours=5)

    with audit.act_as(Actor(ActorKind.COMMAND, "local", "run.py restore")):
        box.restore().restore(archive)

    [entry] = box.read(lambda session: session.scalars(select(AuditEntry)).all())
    assert (entry.action, entry.actor_name, entry.at) == ("box.restored", "run.py restore", box.clock())
    assert entry.detail["backup_made_at"] == made_at.isoformat()


@pytest.mark.parametrize("content", [b"", b"x", b"no backup at all", bytes(5000), b"PK\x03\x04"])
def test_file_that_is_no_backup_is_called_so(box: DataBox, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes(content)

    with pytest.raises(BackupDamaged, match=r"^The file is no backup that Postroom has made\.$"):
        box.restore().check(file)
