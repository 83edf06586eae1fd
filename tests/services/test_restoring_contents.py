"""What comes back besides database and secrets: what was chosen in the browser, and the attachments that are needed."""

from pathlib import Path

import pytest

from appliance.config import browser_settings
from appliance.services.backup_manifest import BackupDamaged
from tests.services.backup_boxes import DataBox, forged


@pytest.fixture
def box(tmp_path: Path, migrated_file: Path) -> DataBox:
    box = DataBox(tmp_path / "var", migrated_file)
    box.fill()
    return box


@pytest.fixture
def other(tmp_path: Path, migrated_file: Path) -> DataBox:
    """Another box, with a key of its own."""
    return DataBox(tmp_path / "other", migrated_file)


def test_what_was_chosen_in_the_browser_comes_back_and_the_choice_of_the_target_is_kept_aside(box: DataBox) -> None:
    browser_settings.write(box.directory, {("appliance", "timezone"): "Europe/Berlin"})
    archive = box.back_up()
    browser_settings.write(box.directory, {("appliance", "timezone"): "Asia/Tokyo"})

    restored = box.restore().restore(archive)

    assert restored.aside is not None
    assert browser_settings.read(box.directory) == {("appliance", "timezone"): "Europe/Berlin"}
    assert browser_settings.read(restored.aside) == {("appliance", "timezone"): "Asia/Tokyo"}
    assert (box.directory / "settings.ini").stat().st_mode & 0o777 == 0o600


def test_what_was_chosen_in_the_browser_goes_to_another_machine(box: DataBox, other: DataBox) -> None:
    browser_settings.write(box.directory, {("appliance", "public_url"): "https://mail.example.com"})

    other.restore().restore(box.back_up())

    assert browser_settings.read(other.directory) == {("appliance", "public_url"): "https://mail.example.com"}


def test_exchange_that_fails_leaves_the_choice_of_the_target(box: DataBox, monkeypatch: pytest.MonkeyPatch) -> None:
    browser_settings.write(box.directory, {("appliance", "timezone"): "Europe/Berlin"})
    archive = box.back_up()
    browser_settings.write(box.directory, {("appliance", "timezone"): "Asia/Tokyo"})
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name == "settings.ini" and path.parent.name.startswith(".postroom-") and "before" not in str(target):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="No space left"):
        box.restore().restore(archive)

    assert browser_settings.read(box.directory) == {("appliance", "timezone"): "Asia/Tokyo"}


def test_where_the_backup_has_no_choice_that_of_the_target_stays(box: DataBox) -> None:
    archive = box.back_up()
    browser_settings.write(box.directory, {("appliance", "timezone"): "Asia/Tokyo"})

    box.restore().restore(archive)

    assert browser_settings.read(box.directory) == {("appliance", "timezone"): "Asia/Tokyo"}


def test_waiting_messages_that_lack_attachments_are_found_whatever_the_backup_says(box: DataBox) -> None:
    archive = forged(box.back_up(), without="attachments/", said={"attachments": 0})

    assert box.restore().check(archive).missing_for_waiting == 1
    assert box.restore().restore(archive).manifest.missing_for_waiting == 1


def test_waiting_messages_whose_attachments_are_there_lack_none(box: DataBox) -> None:
    assert box.restore().check(box.back_up()).missing_for_waiting == 0


def test_backup_that_has_fewer_attachments_than_it_says_is_damaged(box: DataBox) -> None:
    archive, before = forged(box.back_up(), without="attachments/"), box.contents()

    for attempt in (box.restore().check, box.restore().restore):
        with pytest.raises(BackupDamaged, match="does not hold as many attachments as it says"):
            attempt(archive)

    assert box.contents() == before


def test_backup_of_before_settings_were_in_it_is_restored_and_the_choice_of_the_target_stays(box: DataBox) -> None:
    said = {"format": 1, "settings": None, "missing_for_waiting": None}
    archive = forged(box.back_up(), said=said)
    browser_settings.write(box.directory, {("appliance", "timezone"): "Asia/Tokyo"})

    restored = box.restore().restore(archive)

    assert (restored.manifest.format, restored.manifest.settings) == (1, None)
    assert browser_settings.read(box.directory) == {("appliance", "timezone"): "Asia/Tokyo"}
