import argparse
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.bootstrap import build_core, open_database, prepared_data_directory
from appliance.commands import secrets
from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded
from appliance.config.settings import ApplianceSettings, DatabaseSettings, Settings
from appliance.config.vault import Vault, VaultError
from appliance.db.database_file import ENCRYPTED, DatabaseFile
from appliance.db.models.base import Base
from appliance.db.queries import accounts
from appliance.errors import StartupError
from appliance.services.secret_rotation import SecretUnreadable
from tests.factories import account_form
from tests.services_up import needs_postgres

PASSWORDS = [f"the password of account {number}" for number in range(7)]
STRIDE = int(os.environ.get("ROTATION_STRIDE", "7"))  # 1: a death at each of 400 steps


def filled(settings: Settings) -> Settings:
    """A box with accounts that have passwords."""
    data_dir = prepared_data_directory(settings)
    database = open_database(settings)
    core = build_core(settings, data_dir, database)
    for number, password in enumerate(PASSWORDS):
        core.services.sender_accounts.create(account_form(name=f"Account {number}", username="shop", password=password))
    core.transports.close()
    database.stop()
    return settings


@pytest.fixture
def box(settings: Settings) -> Settings:
    return filled(settings)


def rotate(settings: Settings) -> None:
    assert secrets.run(argparse.Namespace(action="rotate"), Loaded(settings, {}, None)) == 0


def keys_of(data_dir: Path) -> list[str]:
    return (data_dir / "secrets" / "encryption_key").read_text().split()


def stored(data_dir: Path) -> list[str]:
    return [value for _, value in DatabaseFile(data_dir / "postroom.db").encrypted()]


def passwords(data_dir: Path) -> list[str]:
    vault = Vault("\n".join(keys_of(data_dir)))
    return sorted(vault.decrypt(value) for value in stored(data_dir))


def test_every_secret_is_readable_with_a_new_key_and_not_with_the_old(
    box: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    old = keys_of(box.data_dir)

    rotate(box)

    [new] = keys_of(box.data_dir)
    assert passwords(box.data_dir) == PASSWORDS
    with pytest.raises(VaultError):
        Vault(old[0]).decrypt(stored(box.data_dir)[0])
    assert "7 secrets are encrypted with it" in (told := capsys.readouterr().err)
    assert new not in told
    assert (box.data_dir / "secrets" / "encryption_key").stat().st_mode & 0o777 == 0o600


def test_the_audit_tells_of_it(box: Settings) -> None:
    rotate(box)

    with sqlite3.connect(box.data_dir / "postroom.db") as connection:
        entries = connection.execute("SELECT detail FROM audit_entries WHERE action = 'encryption_key.changed'")
        assert entries.fetchall() == [('{"secrets": 7}',)]


def test_death_at_any_step_leaves_every_secret_readable_and_the_next_run_ends_it(box: Settings, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    command = [sys.executable, "-m", "tests.commands.rotating", str(box.data_dir), str(copies), str(STRIDE)]

    subprocess.run(command, check=True, capture_output=True)

    unfinished = 0
    for copy in copies.iterdir():
        assert passwords(copy) == PASSWORDS, copy.name
        unfinished += len(keys_of(copy)) > 1
    assert len(list(copies.iterdir())) > 20
    assert unfinished > 3  # else the deaths missed what they are about
    for copy in [copy for copy in copies.iterdir() if len(keys_of(copy)) > 1][:5]:
        begun_with = keys_of(copy)[0]
        rotate(Settings(base_dir=copy, appliance=ApplianceSettings(data_dir=copy)))
        assert keys_of(copy) == [begun_with]
        assert passwords(copy) == PASSWORDS


def test_an_appliance_starts_and_sends_with_a_rotation_half_done(box: Settings) -> None:
    old, new = keys_of(box.data_dir)[0], Vault.new_key()
    (box.data_dir / "secrets" / "encryption_key").write_text(f"{new}\n{old}\n")
    database = open_database(box)
    try:
        core = build_core(box, prepared_data_directory(box), database)
        core.services.sender_accounts.create(account_form(name="Later", username="shop", password="entered meanwhile"))
        with database.read() as session:
            read = [core.transports._password(account) for account in accounts.by_priority(session)]
    finally:
        database.stop()

    assert {"entered meanwhile", *PASSWORDS} <= set(read)
    rotate(box)
    assert keys_of(box.data_dir) == [new]
    assert passwords(box.data_dir) == sorted(["entered meanwhile", *PASSWORDS])


def test_secret_that_no_key_opens_keeps_the_old_key(box: Settings) -> None:
    with sqlite3.connect(box.data_dir / "postroom.db") as connection:
        connection.execute(
            "UPDATE sender_accounts SET password_encrypted = ? WHERE name = 'Account 3'",
            (Vault(Vault.new_key()).encrypt("of another box"),),
        )
    [old] = keys_of(box.data_dir)

    with pytest.raises(SecretUnreadable, match="enter that secret again"):
        rotate(box)

    assert keys_of(box.data_dir)[1] == old
    vault = Vault("\n".join(keys_of(box.data_dir)))
    with pytest.raises(VaultError):
        [vault.decrypt(one) for one in stored(box.data_dir)]


def test_it_refuses_while_the_appliance_runs(box: Settings) -> None:
    before = keys_of(box.data_dir)
    running = DataDirectory(box.data_dir)
    running.lock()
    try:
        with pytest.raises(StartupError):
            rotate(box)
    finally:
        running.unlock()

    assert keys_of(box.data_dir) == before


def test_every_column_that_holds_secrets_is_rewritten_and_looked_at_in_backups() -> None:
    named = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_encrypted") or column.name == "totp_secret"
    }

    assert set(ENCRYPTED) == named


@needs_postgres
@pytest.mark.postgres
def test_secrets_of_a_database_server_are_rewritten(tmp_path: Path, postgres_url: str) -> None:
    settings = filled(
        Settings(
            base_dir=tmp_path,
            appliance=ApplianceSettings(data_dir=tmp_path / "var"),
            database=DatabaseSettings(url=postgres_url),
        )
    )

    rotate(settings)

    database = open_database(settings)
    with database.read() as session:
        found = [one.password_encrypted for one in accounts.by_priority(session) if one.password_encrypted]
    database.stop()
    vault = Vault("\n".join(keys_of(settings.data_dir)))
    assert sorted(vault.decrypt(one) for one in found) == PASSWORDS
