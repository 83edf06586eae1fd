"""Settings made in the browser: kept whole, read at the start, below everything else."""

import os
from pathlib import Path

import pytest

from appliance.config import browser_settings, loader
from appliance.errors import ConfigError

ZONE, URL = ("appliance", "timezone"), ("appliance", "public_url")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config.ini that says nothing of them, beside a data directory."""
    (tmp_path / "var").mkdir()
    path = tmp_path / "config.ini"
    path.write_text("[web]\nport = 8080\n")
    return path


def make(config: Path, **values: str) -> None:
    browser_settings.write(config.parent / "var", {("appliance", key): text for key, text in values.items()})


def test_they_are_in_force_and_say_where_they_came_from(config: Path) -> None:
    make(config, timezone="Asia/Shanghai", public_url="https://mail.example.com")

    loaded = loader.load(config, {})

    assert loaded.settings.appliance.timezone == "Asia/Shanghai"
    assert loaded.settings.appliance.public_url == "https://mail.example.com"
    assert loaded.sources["appliance.timezone"] == browser_settings.SOURCE


def test_file_and_environment_come_before_them(config: Path) -> None:
    make(config, timezone="Asia/Shanghai", public_url="https://mail.example.com")
    config.write_text("[appliance]\ntimezone = Europe/Berlin\n")

    loaded = loader.load(config, {"APPLIANCE_PUBLIC_URL": "https://other.example.com"})

    assert loaded.settings.appliance.timezone == "Europe/Berlin"
    assert loaded.settings.appliance.public_url == "https://other.example.com"
    assert loaded.sources["appliance.timezone"].startswith("config.ini")


def test_they_are_looked_for_in_the_data_directory_that_is_set(config: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    browser_settings.write(elsewhere, {ZONE: "Asia/Tokyo"})

    loaded = loader.load(config, {"APPLIANCE_DATA_DIR": str(elsewhere)})

    assert loaded.settings.appliance.timezone == "Asia/Tokyo"


def test_nothing_else_can_be_set_so(config: Path) -> None:
    (config.parent / "var" / "settings.ini").write_text("[web]\nhost = 0.0.0.0\n[appliance]\ndata_dir = /\n")

    loaded = loader.load(config, {})

    assert loaded.settings.web.host == "127.0.0.1"
    assert "appliance.data_dir" not in loaded.sources


@pytest.mark.parametrize(
    "values", [{("web", "host"): "0.0.0.0"}, {URL: "x\n[web]\nhost = 0.0.0.0"}, {ZONE: "UTC\rx = 1"}]
)
def test_nothing_is_written_that_would_be_read_as_something_else(
    tmp_path: Path, values: dict[tuple[str, str], str]
) -> None:
    with pytest.raises(ValueError, match="cannot be made in the browser"):
        browser_settings.write(tmp_path, values)
    assert list(tmp_path.iterdir()) == []


def test_a_value_that_was_spoilt_by_hand_is_told_of(config: Path) -> None:
    make(config, timezone="Mars/Olympus")

    with pytest.raises(ConfigError, match=r"settings.ini in the data directory"):
        loader.load(config, {})


def test_the_file_is_the_owners_and_there_whole(tmp_path: Path) -> None:
    browser_settings.write(tmp_path, {ZONE: "UTC"})
    browser_settings.write(tmp_path, {ZONE: "Asia/Tokyo"})

    assert [path.name for path in tmp_path.iterdir()] == ["settings.ini"]
    assert os.stat(tmp_path / "settings.ini").st_mode & 0o077 == 0
    assert browser_settings.read(tmp_path) == {ZONE: "Asia/Tokyo"}


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert browser_settings.read(tmp_path / "nowhere") == {}


def test_what_is_staged_is_no_setting_until_it_is_taken(tmp_path: Path) -> None:
    browser_settings.write(tmp_path, {ZONE: "UTC"})
    assert browser_settings.staged(tmp_path) is None

    browser_settings.stage(tmp_path, {ZONE: "Asia/Tokyo"}, mark="aud_1")
    assert browser_settings.staged(tmp_path) == "aud_1"
    assert browser_settings.read(tmp_path) == {ZONE: "UTC"}
    browser_settings.take_staged(tmp_path)

    assert browser_settings.staged(tmp_path) is None
    assert browser_settings.read(tmp_path) == {ZONE: "Asia/Tokyo"}


def test_what_is_staged_can_be_dropped_twice(tmp_path: Path) -> None:
    browser_settings.stage(tmp_path, {ZONE: "Asia/Tokyo"}, mark="aud_1")

    for _ in range(2):
        browser_settings.drop_staged(tmp_path)

    assert list(tmp_path.iterdir()) == []
