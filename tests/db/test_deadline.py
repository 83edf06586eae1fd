import pytest
from sqlalchemy import text

from appliance.db import database as database_module
from appliance.db.database import Database
from appliance.errors import QueryTooSlow

ENDLESS = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")
SHORT = text("SELECT 1")


def test_statement_that_takes_too_long_is_given_up_and_the_connection_stays_good(database: Database) -> None:
    with pytest.raises(QueryTooSlow, match="takes too long"), database.read_in_time() as session:
        session.scalar(ENDLESS)

    with database.read_in_time() as session:
        assert session.scalar(SHORT) == 1


def test_read_without_a_limit_is_not_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    long = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 200000) SELECT max(x) FROM n")
    monkeypatch.setattr(database_module, "HURRY_SECONDS", -1.0)
    hurried = Database(database.url, database_module.DatabaseSettings())

    with hurried.read() as session:
        assert session.scalar(long) == 200000
    with pytest.raises(QueryTooSlow), hurried.read_in_time() as session:
        session.scalar(long)
    hurried.stop()
