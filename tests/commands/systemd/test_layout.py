import os
import pwd
import stat
from pathlib import Path

import pytest

from appliance.commands.systemd import layout
from appliance.commands.systemd.layout import (
    is_found,
    layout_of,
    make_config,
    make_data_directory,
    make_link,
    make_user,
    require_readable,
)
from appliance.config import loader
from appliance.config.loader import Loaded
from appliance.config.settings import ApplianceSettings, Settings
from appliance.errors import StartupError

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for the root of a machine."""
    monkeypatch.setattr(layout, "DATA_DIR", tmp_path / "lib" / "postroom")
    monkeypatch.setattr(layout, "CONFIG", tmp_path / "etc" / "postroom" / "config.ini")
    return tmp_path


@pytest.fixture
def fresh(places: Path) -> Loaded:
    """A checkout that was never started, with no configuration."""
    return Loaded(Settings(base_dir=places / "checkout"), {}, None)


@pytest.fixture
def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


def test_fresh_checkout_goes_to_the_usual_places_with_a_user_of_its_own(fresh: Loaded, places: Path) -> None:
    found = layout_of(fresh, None, {})

    assert found.settings.data_dir == places / "lib" / "postroom"
    assert found.config == places / "etc" / "postroom" / "config.ini"
    assert (found.user, found.is_new) == ("postroom", True)


def test_file_that_was_named_is_kept_with_its_directory(fresh: Loaded, places: Path) -> None:
    named = Loaded(fresh.settings, {}, places / "my.ini")

    found = layout_of(named, "alice", {})

    assert (found.settings, found.config, found.user, found.is_new) == (
        fresh.settings,
        places / "my.ini",
        "alice",
        False,
    )


@ROOT_ONLY
def test_data_that_is_there_stays_there_with_its_owner(fresh: Loaded, nobody: pwd.struct_passwd) -> None:
    fresh.settings.data_dir.mkdir(parents=True)
    os.chown(fresh.settings.data_dir, nobody.pw_uid, nobody.pw_gid)

    found = layout_of(fresh, None, {})

    assert (found.settings, found.config, found.user) == (fresh.settings, None, "nobody")


def test_data_directory_of_the_environment_is_a_choice_too(places: Path) -> None:
    settings = Settings(appliance=ApplianceSettings(data_dir=places / "chosen"))
    chosen = Loaded(settings, {"appliance.data_dir": "environment variable APPLIANCE_DATA_DIR"}, None)

    assert layout_of(chosen, None, {}).settings.data_dir == places / "chosen"


@ROOT_ONLY
def test_first_configuration_is_one_that_loads_and_is_read_by_root_and_the_service_alone(
    fresh: Loaded, nobody: pwd.struct_passwd
) -> None:
    found = layout_of(fresh, None, {})

    assert make_config(found, nobody)
    assert not make_config(found, nobody)

    assert found.config is not None
    facts = found.config.stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid) == (0o640, 0, nobody.pw_gid)
    assert loader.load(found.config, {}).settings.data_dir == found.settings.data_dir


@ROOT_ONLY
def test_configuration_that_was_made_is_read_the_next_time(fresh: Loaded, nobody: pwd.struct_passwd) -> None:
    found = layout_of(fresh, None, {})
    make_config(found, nobody)
    assert found.config is not None
    with found.config.open("a") as file:
        file.write("[web]\nport = 80\n")

    again = layout_of(fresh, None, {})

    assert (again.settings.web.port, again.settings.data_dir) == (80, found.settings.data_dir)


@ROOT_ONLY
def test_commands_of_the_checkout_find_the_configuration_by_a_link(
    fresh: Loaded, nobody: pwd.struct_passwd, places: Path
) -> None:
    checkout = places / "checkout"
    checkout.mkdir()
    found = layout_of(fresh, None, {})
    make_config(found, nobody)
    assert found.config is not None
    assert not is_found(found.config, checkout)

    assert make_link(found, checkout)

    assert is_found(found.config, checkout)
    assert loader.load(checkout / "config.ini", {}).settings.data_dir == found.settings.data_dir
    assert not make_link(found, checkout)


def test_configuration_beside_run_py_is_never_replaced(fresh: Loaded, places: Path) -> None:
    checkout = places / "checkout"
    checkout.mkdir()
    (checkout / "config.ini").write_text("[web]\nport = 8081\n")

    assert not make_link(layout_of(fresh, None, {}), checkout)

    assert (checkout / "config.ini").read_text() == "[web]\nport = 8081\n"


def test_checkout_that_cannot_be_written_to_gets_no_link(fresh: Loaded) -> None:
    assert not make_link(layout_of(fresh, None, {}), Path("/proc"))


@ROOT_ONLY
def test_data_directory_is_made_for_its_user_once(places: Path, nobody: pwd.struct_passwd) -> None:
    path = places / "lib" / "postroom"

    assert make_data_directory(path, nobody)
    assert not make_data_directory(path, nobody)
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (0o700, nobody.pw_uid)


@ROOT_ONLY
def test_checkout_that_the_service_could_not_read_is_refused_with_a_remedy(
    tmp_path: Path, nobody: pwd.struct_passwd
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "run.py").touch()

    with pytest.raises(StartupError, match=r"The user nobody may not read .*/opt/postroom.*--user NAME"):
        require_readable(home / "run.py", nobody)


def test_what_everybody_may_read_is_no_obstacle(nobody: pwd.struct_passwd) -> None:
    require_readable(Path("/etc/passwd"), nobody)


def test_user_that_exists_is_not_made_again() -> None:
    assert not make_user("nobody")


def test_user_is_made_as_one_who_cannot_sign_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "said"
    (tmp_path / "useradd").write_text(f'#!/bin/sh\necho "$@" > {said}\n')
    (tmp_path / "useradd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert make_user("postroom-of-a-test")

    words = said.read_text().split()
    assert words[0] == "--system"
    assert words[-3:] == ["--shell", "/usr/sbin/nologin", "postroom-of-a-test"]


def test_user_that_cannot_be_made_is_one_line_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "useradd").write_text("#!/bin/sh\necho useradd: cannot lock /etc/passwd >&2\nexit 1\n")
    (tmp_path / "useradd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(StartupError, match=r"cannot lock /etc/passwd Try: useradd --system"):
        make_user("postroom-of-a-test")


def test_without_useradd_a_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StartupError, match="no useradd to make one"):
        make_user("postroom-of-a-test")
