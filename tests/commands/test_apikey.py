"""`python run.py apikey`, in this process, on a data directory of the test's own."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from appliance import main
from appliance.clock import utc_now
from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.models import ApiKey, AuditEntry
from tests.commands.said import Command, Said
from tests.factories import add_account


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.ini"
    path.write_text("[appliance]\ndata_dir = var\n\n[limits]\nkey_daily_messages = 1000\n")
    return path


@pytest.fixture
def apikey(config: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*words: str) -> Said:
        code = main.main(["--config", str(config), "apikey", *words])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture
def stored(config: Path, apikey: Command) -> Iterator[Database]:
    """What the commands write to."""
    apikey("list")  # makes it
    database = Database(f"sqlite:///{config.parent / 'var' / 'postroom.db'}", DatabaseSettings())
    database.start()
    yield database
    database.stop()


def only_key(database: Database) -> ApiKey:
    with database.read() as session:
        [found] = session.scalars(select(ApiKey))
        return found


def test_key_alone_is_on_standard_output(apikey: Command, stored: Database) -> None:
    said = apikey("create", "--name", "shop")

    assert said.code == 0
    assert said.out.startswith("pr_")
    assert len(said.out.split()) == 1
    key = only_key(stored)
    assert key.id in said.err
    assert (key.name, key.scopes, key.expires_at, key.daily_limit) == ("shop", ["send", "read"], None, None)


def test_key_is_made_with_all_its_limits(apikey: Command, stored: Database) -> None:
    account = stored.write(add_account)

    apikey(
        *("create", "--name", "shop", "--scopes", "send, read", "--expires-days", "30", "--rate", "60"),
        *("--daily", "500", "--account", account, "--from", "shop@example.com", "--from", "@*.example.org"),
    )

    key = only_key(stored)
    assert (key.requests_per_minute, key.daily_limit) == (60, 500)
    assert (key.allowed_accounts, key.allowed_from) == ([account], ["shop@example.com", "@*.example.org"])
    assert key.expires_at is not None
    assert timedelta(days=29, hours=23) < key.expires_at - utc_now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scopes", "fly"), "scopes: fly: unknown; choose from send, read, manage."),
        (("--from", "nobody"), "allowed_from[0]: 'nobody' is none of these."),
        (("--account", "acc_none"), "allowed_accounts: There is no sender account 'acc_none'."),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    apikey: Command, stored: Database, words: tuple[str, ...], said: str
) -> None:
    answer = apikey("create", "--name", "shop", *words)

    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err
    with stored.read() as session:
        assert session.scalars(select(ApiKey)).all() == []


@pytest.mark.parametrize("days", ["0", "-1", "many", "99999"])
def test_days_that_make_no_sense_are_refused(apikey: Command, days: str) -> None:
    with pytest.raises(SystemExit) as end:
        apikey("create", "--name", "shop", "--expires-days", days)

    assert end.value.code == 2


def test_key_is_disabled_enabled_and_revoked(apikey: Command, stored: Database) -> None:
    apikey("create", "--name", "shop")
    key_id = only_key(stored).id

    assert apikey("disable", key_id).err == f"{key_id} is disabled.\n"
    assert not only_key(stored).active
    assert apikey("enable", key_id).err == f"{key_id} is enabled.\n"
    assert only_key(stored).active
    assert apikey("revoke", key_id).err == f"{key_id} is revoked.\n"
    assert only_key(stored).revoked_at is not None

    assert apikey("enable", key_id).code == 1
    assert apikey("revoke", key_id).code == 0
    assert apikey("disable", "key_none").code == 1


def test_list_shows_state_use_and_quota_without_secrets(apikey: Command, stored: Database) -> None:
    secret = apikey("create", "--name", "shop", "--daily", "500").out.strip()
    apikey("create", "--name", "other", "--expires-days", "1")
    apikey("disable", only_named(stored, "other"))

    said = apikey("list")

    lines = [line.split("\t") for line in said.out.splitlines()]
    assert [line[1:] for line in lines] == [
        ["active", "send,read", "0/500 today", "never used", "shop"],
        ["disabled", "send,read", "0/1000 today", "never used", "other"],
    ]
    assert secret not in said.out


def test_audit_names_the_command_line(apikey: Command, stored: Database) -> None:
    apikey("create", "--name", "shop")

    with stored.read() as session:
        [entry] = [one for one in session.scalars(select(AuditEntry)) if one.action == "key.created"]

    assert (entry.actor_kind, entry.target) == ("command", only_key(stored).id)


def only_named(database: Database, name: str) -> str:
    with database.read() as session:
        return str(session.scalars(select(ApiKey.id).where(ApiKey.name == name)).one())


@pytest.mark.parametrize("option", ["--rate", "--daily", "--expires-days"])
@pytest.mark.parametrize("number", ["-1", "0", "many", "1.5", "9" * 5000])
def test_number_that_makes_no_sense_is_refused_in_one_line(
    apikey: Command, capsys: pytest.CaptureFixture[str], option: str, number: str
) -> None:
    with pytest.raises(SystemExit) as end:
        apikey("create", "--name", "shop", f"{option}={number}")

    said = capsys.readouterr().err.splitlines()[-1]
    assert end.value.code == 2
    assert f"argument {option}: give a number of" in said
