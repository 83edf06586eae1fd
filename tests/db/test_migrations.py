from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine
from appliance.db.migrations import current_revision, migrate
from appliance.db.models import Base
from appliance.db.models.message_search import SUBJECT_INDEX
from appliance.errors import SchemaMismatch
from tests.services_up import needs_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def empty(request: pytest.FixtureRequest, tmp_path):
    """An engine for an empty database; each test runs on both kinds."""
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    engine = create_database_engine(url, DatabaseSettings())
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    """Without those in which SQLite keeps the index of subjects."""
    return {name for name in inspect(engine).get_table_names() if not name.startswith(SUBJECT_INDEX)}


def of_ours(_thing: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    return kind != "table" or not str(name).startswith(SUBJECT_INDEX)


def test_migrations_lead_to_what_the_models_say(empty: Engine) -> None:
    migrate(empty)

    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": of_ours})
        assert compare_metadata(context, Base.metadata) == []
    assert tables(empty) == {*Base.metadata.tables, "alembic_version"}


def test_every_constraint_and_index_has_the_name_that_the_models_give_it(empty: Engine) -> None:
    migrate(empty)

    found = inspect(empty)
    for table in Base.metadata.sorted_tables:
        expected = {str(index.name) for index in table.indexes}
        unique = {constraint["name"] for constraint in found.get_unique_constraints(table.name)}
        indexes = {str(index["name"]) for index in found.get_indexes(table.name)} - unique
        assert indexes == expected, table.name
        assert found.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"


def test_migrating_twice_is_harmless(empty: Engine) -> None:
    migrate(empty)
    first = current_revision(empty)
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO account_days (account_id, day, sent) VALUES ('acc_1', '2026-03-10', 7)"))

    migrate(empty)

    assert (first is not None, current_revision(empty)) == (True, first)
    with empty.connect() as connection:
        assert connection.execute(text("SELECT sent FROM account_days")).scalar_one() == 7


def test_schema_of_a_newer_version_is_refused_with_the_remedy(empty: Engine) -> None:
    migrate(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))

    with pytest.raises(SchemaMismatch, match=r"schema of a newer version .9999_from_the_future.* restore a backup"):
        migrate(empty)

    assert current_revision(empty) == "9999_from_the_future"


def test_migration_that_fails_leaves_nothing_half_done(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE users (x INTEGER)"))  # the migration stumbles over it half-way

    with pytest.raises(DBAPIError, match="exists"):
        migrate(empty)

    assert tables(empty) == {"users"}
    with empty.begin() as connection:
        connection.execute(text("DROP TABLE users"))
    migrate(empty)
    assert tables(empty) == {*Base.metadata.tables, "alembic_version"}
