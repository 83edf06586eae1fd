"""Time zone and public address: checked, kept for the next start, and told of in the audit."""

from pathlib import Path

import pytest

from appliance.config import browser_settings
from appliance.config.settings import ApplianceSettings
from appliance.db.database import Database
from appliance.db.queries import audit
from appliance.db.queries.audit import AuditFilters
from appliance.errors import InvalidInput, StorageUnavailable
from appliance.services.place import Chosen, Place
from tests.fakes import FakeClock


@pytest.fixture
def place(database: Database, tmp_path: Path, clock: FakeClock) -> Place:
    return Place(database, ApplianceSettings(timezone="Europe/Berlin"), tmp_path, clock=clock)


def test_what_is_in_force_stands_until_something_is_chosen(place: Place) -> None:
    assert place.chosen() == Chosen("Europe/Berlin", "")


def test_the_choice_is_kept_and_told_of(place: Place, database: Database) -> None:
    place.choose("Asia/Shanghai", " https://mail.example.com:8443/ ")

    assert place.chosen() == Chosen("Asia/Shanghai", "https://mail.example.com:8443")
    with database.read() as session:
        [entry], _ = audit.page(session, AuditFilters(action="settings.changed"), limit=5)
    assert entry.detail["timezone"] == ["Europe/Berlin", "Asia/Shanghai"]


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "ftp://mail.example.com",
        "https://",
        "https://user:secret@mail.example.com",
        "https://mail.example.com/path",
        "https://mail.example.com?x=1",
        "https://mail.example.com:port",
        "https://mail example.com",
        "https://[::1",
        "https://" + "x" * 300,
    ],
)
def test_what_is_no_address_of_a_site_is_refused(place: Place, tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput):
        place.choose("UTC", url)
    assert browser_settings.read(tmp_path) == {}


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "\0", "/etc/localtime"])
def test_what_is_no_zone_is_refused(place: Place, zone: str) -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        place.choose(zone, "")


def test_a_directory_that_cannot_be_written_is_said_so(database: Database, tmp_path: Path, clock: FakeClock) -> None:
    place = Place(database, ApplianceSettings(), tmp_path / "gone", clock=clock)

    with pytest.raises(StorageUnavailable, match="cannot be kept"):
        place.choose("Asia/Shanghai", "")
