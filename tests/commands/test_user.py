"""`python run.py user`, in this process, on a data directory of the test's own."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import main
from appliance.clock import utc_now
from appliance.config import setup_link
from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.models import AuditEntry, User
from appliance.db.queries import access
from tests.commands.said import Command, Said


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.ini"
    path.write_text("[appliance]\ndata_dir = var\npublic_url = https://mail.example.com\n")
    return path


@pytest.fixture
def user(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    def run(*words: str, typed: str = "a password of somebody\n") -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main.main(["--config", str(config), "user", *words])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture
def stored(config: Path, user: Command) -> Iterator[Database]:
    user("setup-link")  # makes it
    database = Database(f"sqlite:///{config.parent / 'var' / 'postroom.db'}", DatabaseSettings())
    database.start()
    yield database
    database.stop()


def found(database: Database, name: str) -> User:
    with database.read() as session:
        user = access.user_by_name(session, name)
    assert user is not None
    return user


def test_a_user_is_an_administrator_unless_another_role_is_given(user: Command, stored: Database) -> None:
    assert user("add", "alice").code == 0
    assert user("add", "carol", "--role", "viewer").code == 0

    assert (found(stored, "alice").role, found(stored, "carol").role) == ("administrator", "viewer")
    with stored.read() as session:
        assert {entry.actor_kind for entry in session.query(AuditEntry)} == {"command"}


def test_a_role_that_there_is_not_is_refused(user: Command) -> None:
    with pytest.raises(SystemExit):
        user("add", "eve", "--role", "emperor")


def test_a_password_is_reset(user: Command, stored: Database) -> None:
    user("add", "alice")
    before = found(stored, "alice").password_hash

    said = user("reset-password", "ALICE", typed="another password of alice\n")

    assert said.code == 0
    assert "signed out everywhere" in said.err
    assert found(stored, "alice").password_hash != before


def test_a_lost_second_factor_is_removed_without_a_password(user: Command, stored: Database) -> None:
    user("add", "alice")
    stored.write(lambda session: session.query(User).update({"totp_since": utc_now(), "totp_secret": "x"}))

    said = user("disable-totp", "alice", typed="")

    assert said.code == 0
    assert not found(stored, "alice").has_second_factor


@pytest.mark.parametrize("action", ["reset-password", "disable-totp"])
def test_somebody_who_is_not_there_is_said_so(user: Command, stored: Database, action: str) -> None:
    said = user(action, "nobody")

    assert said.code == 1
    assert "There is no user 'nobody'" in said.err


def test_a_setup_link_is_made_while_there_is_nobody(user: Command, config: Path) -> None:
    said = user("setup-link")

    base, _, token = said.out.strip().partition("/setup?token=")
    assert base == "https://mail.example.com"
    assert setup_link.opens(config.parent / "var", token, utc_now())
    assert token not in json.dumps((config.parent / "var" / "setup_link").read_text())


def test_no_setup_link_is_made_where_somebody_can_sign_in(user: Command, stored: Database) -> None:
    user("add", "alice")

    said = user("setup-link")

    assert said.code == 1
    assert said.out == ""
