"""Time zone and public address: checked, kept for the next start, and told of in the audit."""

import os
from pathlib import Path
from threading import get_native_id

import gevent
import pytest
from gevent.threadpool import ThreadPool

from appliance.config import browser_settings
from appliance.config.settings import ApplianceSettings
from appliance.db.database import Database
from appliance.db.queries import audit
from appliance.db.queries.audit import AuditFilters
from appliance.errors import InvalidInput, StorageUnavailable
from appliance.services.place import Chosen, Place
from tests.fakes import FakeClock

IN_FORCE = ApplianceSettings(timezone="Europe/Berlin")


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def place(database: Database, tmp_path: Path, native: ThreadPool, clock: FakeClock) -> Place:
    return Place(database, IN_FORCE, tmp_path, run_native=native.apply, clock=clock)


def after_a_restart(database: Database, tmp_path: Path, clock: FakeClock) -> Place:
    """Of a box whose configuration was read before anything was settled."""
    place = Place(database, IN_FORCE, tmp_path, run_native=lambda work: work(), clock=clock)
    place.settle()
    return place


def told(database: Database) -> list[list[str]]:
    with database.read() as session:
        entries, _ = audit.page(session, AuditFilters(action="settings.changed"), limit=5)
    return [entry.detail["timezone"] for entry in entries]


def test_what_is_in_force_stands_until_something_is_chosen(place: Place) -> None:
    assert place.chosen() == Chosen("Europe/Berlin", "")


def test_the_choice_is_kept_and_told_of(place: Place, database: Database) -> None:
    place.choose("Asia/Shanghai", " https://mail.example.com:8443/ ")

    assert place.chosen() == Chosen("Asia/Shanghai", "https://mail.example.com:8443")
    assert told(database) == [["Europe/Berlin", "Asia/Shanghai"]]


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
    place = Place(database, ApplianceSettings(), tmp_path / "gone", run_native=lambda work: work(), clock=clock)

    with pytest.raises(StorageUnavailable, match="cannot be kept"):
        place.choose("Asia/Shanghai", "")

    assert place.chosen() == Chosen("UTC", "")
    assert told(database) == []


def test_what_the_database_refuses_is_not_chosen(
    place: Place, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(database, "write", refuse)

    with pytest.raises(StorageUnavailable):
        place.choose("Asia/Shanghai", "https://mail.example.com")

    assert (place.chosen(), place.public_url()) == (Chosen("Europe/Berlin", ""), "")
    assert list(tmp_path.glob("*settings.ini*")) == []


def test_who_dies_before_it_is_told_of_has_chosen_nothing(
    place: Place, database: Database, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_fn: object) -> object:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(database, "write", die)
        with pytest.raises(Killed):
            place.choose("Asia/Shanghai", "")

    assert after_a_restart(database, tmp_path, clock).chosen() == Chosen("Europe/Berlin", "")
    assert told(database) == []
    assert list(tmp_path.glob("*settings.ini*")) == []


def test_who_dies_after_that_has_chosen_what_is_told_of(
    place: Place, database: Database, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_data_dir: Path) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(browser_settings, "take_staged", die)
        with pytest.raises(Killed):
            place.choose("Asia/Shanghai", "https://mail.example.com")

    started = after_a_restart(database, tmp_path, clock)
    assert started.chosen() == Chosen("Asia/Shanghai", "https://mail.example.com")
    assert started.in_force() == Chosen("Europe/Berlin", "https://mail.example.com")
    assert after_a_restart(database, tmp_path, clock).chosen() == started.chosen()
    assert told(database) == [["Europe/Berlin", "Asia/Shanghai"]]


def test_the_same_choice_twice_at_once_is_one(place: Place, database: Database) -> None:
    both = [gevent.spawn(place.choose, "Asia/Shanghai", "https://mail.example.com") for _ in range(3)]
    gevent.joinall(both, raise_error=True)

    assert place.chosen() == Chosen("Asia/Shanghai", "https://mail.example.com")
    assert len(told(database)) == 1


def test_the_event_loop_waits_for_no_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, synced = get_native_id(), []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(get_native_id()), fsync(file)))

    place.choose("Asia/Shanghai", "")

    assert synced
    assert loop not in synced


def test_the_public_address_is_in_force_at_once_and_the_time_zone_later(place: Place) -> None:
    place.choose("Asia/Shanghai", "https://mail.example.com")

    assert place.public_url() == "https://mail.example.com"
    assert place.in_force() == Chosen("Europe/Berlin", "https://mail.example.com")


def test_an_address_that_is_fixed_elsewhere_stays_in_force(
    database: Database, tmp_path: Path, clock: FakeClock
) -> None:
    """An address of before lies in the file, below that of the environment."""
    browser_settings.write(tmp_path, {("appliance", "public_url"): "https://old.example.com"})
    settings = ApplianceSettings(public_url="https://fixed.example.com")
    place = Place(database, settings, tmp_path, run_native=lambda work: work(), clock=clock)

    place.choose("Asia/Shanghai", place.chosen().public_url)

    assert place.public_url() == "https://fixed.example.com"
