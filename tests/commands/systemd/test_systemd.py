import os
import pwd
from pathlib import Path

import pytest

from appliance.commands import systemd
from appliance.main import main


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    config_file = tmp_path / "config.ini"
    config_file.touch()
    return ["systemd", "--config", str(config_file)]


@pytest.fixture
def me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def unit_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "units"
    directory.mkdir()
    monkeypatch.setattr(systemd, "UNIT_DIRECTORY", directory)
    return directory


def test_unit_is_printed_for_this_checkout(options: list[str], me: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options) == 0

    text = capsys.readouterr().out
    assert f"\nUser={me}\n" in text
    assert f"run.py --config {options[-1]}\n" in text


def test_unknown_user_is_one_line_with_a_remedy(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*options, "--user", "nobody-at-all"]) == 1
    assert capsys.readouterr().err == (
        "There is no user nobody-at-all. Make one: useradd --system --shell /usr/sbin/nologin nobody-at-all\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a unit in place")
def test_unit_is_put_in_place_with_a_data_directory_of_its_user(
    options: list[str], unit_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*options, "--user", "nobody", "--install"])

    said = capsys.readouterr()
    assert (unit_directory / "postroom.service").read_text().startswith("# Made by")
    assert (tmp_path / "var").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    if code == 0:
        assert "systemctl enable --now postroom" in said.out
    else:  # no systemd runs here, which is said in one line
        assert said.err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a unit in place")
def test_data_directory_of_somebody_else_is_not_given_away(
    options: list[str], unit_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "var").mkdir()

    assert main([*options, "--user", "nobody", "--install"]) == 1
    assert "belongs to root" in capsys.readouterr().err
    assert (tmp_path / "var").stat().st_uid == 0
    assert list(unit_directory.iterdir()) == []


def test_installing_needs_root(options: list[str], me: str, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        code = main([*options[:1], "--user", me, "--install"])
    finally:
        os.seteuid(os.getuid())

    assert code == 1
    assert capsys.readouterr().err.startswith("Only root can put a unit in place: sudo")
