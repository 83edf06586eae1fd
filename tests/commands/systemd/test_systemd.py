import importlib.util
import os
import pwd
import sys
from pathlib import Path

import pytest

from appliance.commands import systemd
from appliance.main import main


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    config_file = tmp_path / "config.ini"
    config_file.touch()
    for directory in (tmp_path, *tmp_path.parents):  # pytest keeps its directories from other users
        if "pytest" in str(directory):
            directory.chmod(directory.stat().st_mode | 0o055)
    return ["systemd", "--config", str(config_file)]


@pytest.fixture
def me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def unit_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "units"
    directory.mkdir()
    monkeypatch.setattr(systemd, "UNIT_DIRECTORY", directory)
    monkeypatch.setattr(systemd, "BASE_PYTHON", "/bin/sh")  # the one of the tests may lie in a home directory
    monkeypatch.setattr(sys, "executable", "/bin/sh")
    return directory


def test_unit_is_printed_for_this_checkout(options: list[str], me: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*options, "--user", me]) == 0

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
    assert f"The data directory {tmp_path / 'var'} was made" in said.out
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a unit in place")
def test_python_that_the_service_could_not_run_is_refused(
    options: list[str],
    unit_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "python").touch()
    (tmp_path / "python").symlink_to(tmp_path / "home" / "python")
    monkeypatch.setattr(systemd, "BASE_PYTHON", str(tmp_path / "python"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    assert main([*options, "--user", "nobody", "--install"]) == 1

    assert f"The user nobody may not read {tmp_path / 'home'}" in capsys.readouterr().err
    assert list(unit_directory.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a unit in place")
def test_what_is_made_can_be_read_by_the_service_though_roots_files_are_closed(
    options: list[str], unit_directory: Path
) -> None:
    before = os.umask(0o077)
    try:
        main([*options, "--user", "nobody", "--install"])
        assert os.umask(0o077) == 0o077, "the umask of whoever called is another one now"
    finally:
        os.umask(before)

    compiled = Path(importlib.util.cache_from_source(systemd.__file__))
    assert compiled.stat().st_mode & 0o044 == 0o044


def test_installing_needs_root(options: list[str], me: str, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        code = main([*options[:1], "--user", me, "--install"])
    finally:
        os.seteuid(os.getuid())

    assert code == 1
    assert capsys.readouterr().err.startswith("Only root can put a unit in place: sudo")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a unit in place")
def test_installing_again_changes_nothing_and_says_so(
    options: list[str], unit_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*options, "--user", "nobody", "--install"]
    main(command)
    before = (unit_directory / "postroom.service").stat().st_mtime_ns
    capsys.readouterr()

    main(command)

    said = capsys.readouterr().out
    assert "postroom.service is as it should be already" in said
    assert "was made" not in said
    assert (unit_directory / "postroom.service").stat().st_mtime_ns == before


def test_service_of_a_data_directory_of_roots_runs_as_a_user_of_its_own(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == 0

    said = capsys.readouterr()
    owner = "postroom" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    assert f"\nUser={owner}\n" in said.out or "\nUser=postroom\n" in said.out
    assert "runs as root" not in said.err


def test_running_as_root_is_advised_against(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*options, "--user", "root"])

    assert "This unit runs as root, which Postroom does not need." in capsys.readouterr().err


def test_what_only_this_shell_knows_is_pointed_out(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WEB_PORT", "8081")
    monkeypatch.setenv("FLOWER_PASSWORD", "secret")

    main(options)

    said = capsys.readouterr().err
    assert f"Put into {options[-1]} what it needs of it" in said
    assert said.splitlines()[-1] == "FLOWER_PASSWORD WEB_PORT"
