import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance import __version__, main
from appliance.commands import COMMANDS
from appliance.config.loader import Loaded
from appliance.errors import ConfigError, SchemaMismatch, StartupError
from appliance.program import PROGRAM
from tests.logging_state import logging_kept

BAD_PORT = "[web] port: expected a port number from 0 to 65535, got 'x' (config.ini, line 2)\n"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.ini"
    path.write_text("[web]\nport = 1234\n")
    return path


def command(run: object) -> argparse.Namespace:
    """What the parser yields for a command that does `run(loaded)`."""
    return argparse.Namespace(
        config=None,
        command=SimpleNamespace(NAME="test", NEEDS_SETTINGS=False, run=lambda _arguments, loaded: run(loaded)),
    )


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Makes `main` run a function as its command."""

    def use(run: object, *, needs_settings: bool = False, config: Path | None = None) -> int:
        namespace = command(run)
        namespace.config = config
        namespace.command.NEEDS_SETTINGS = needs_settings
        parser = SimpleNamespace(parse_args=lambda _argv: namespace)
        monkeypatch.setattr(main, "build_parser", lambda: parser)
        return main.main([])

    return use


def raising(error: BaseException):  # type: ignore[no-untyped-def]
    def run(_loaded: Loaded | None) -> int:
        raise error

    return run


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main.main(["--help"])

    words = capsys.readouterr().out.split()
    assert end.value.code == 0
    assert {each.NAME for each in COMMANDS} | {"test"} <= set(words)


@pytest.mark.parametrize("name", [each.NAME for each in COMMANDS])
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main.main([name, "--help"])

    assert end.value.code == 0
    assert f"usage: {PROGRAM} {name}" in capsys.readouterr().out


def test_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main.main(["strat"])

    assert end.value.code == 2
    assert "strat" in capsys.readouterr().err


def test_version_is_printed_even_if_the_configuration_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_PORT", "x")

    assert main.main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"postroom {__version__}\npython 3.")


@pytest.mark.parametrize("before", [True, False])
def test_configuration_may_be_named_before_or_after_the_command(
    before: bool, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.write_text("[web]\nport = x\n")
    option = ["--config", str(config_file)]

    code = main.main([*option, "systemd"] if before else ["systemd", *option])

    assert code == os.EX_CONFIG
    assert capsys.readouterr().err == BAD_PORT


def test_command_gets_the_settings(runs, config_file: Path) -> None:  # type: ignore[no-untyped-def]
    ports = []

    code = runs(lambda loaded: ports.append(loaded.settings.web.port) or 5, needs_settings=True, config=config_file)

    assert (code, ports) == (5, [1234])


def test_all_problems_of_the_configuration_are_written(runs, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert runs(raising(ConfigError(["first", "second"]))) == os.EX_CONFIG
    assert capsys.readouterr().err == "first\nsecond\n"


def test_error_with_a_remedy_is_one_line(runs, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert runs(raising(StartupError("The port is taken."))) == 1
    assert capsys.readouterr().err == "The port is taken.\n"


def test_database_that_does_not_fit_keeps_systemd_from_trying_again(runs, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert runs(raising(SchemaMismatch("The database is newer."))) == os.EX_CONFIG
    assert capsys.readouterr().err == "The database is newer.\n"


def test_unexpected_error_is_logged_with_its_traceback(runs, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert runs(raising(RuntimeError("of user@example.com"))) == 1

    written = capsys.readouterr().err
    assert "Traceback" in written
    assert "RuntimeError: of u***@example.com" in written


def test_interrupt_is_quiet(runs, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert runs(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""
