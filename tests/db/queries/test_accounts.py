from appliance.db.database import Database
from appliance.db.models import AccountDay
from appliance.db.models.base import insert_rows
from appliance.db.queries import accounts
from tests.factories import add_account
from tests.fakes import NOON


def test_pages_go_on_after_an_id_and_leave_out_the_deleted(database: Database) -> None:
    added = [database.write(add_account) for _ in range(3)]
    database.write(lambda session: add_account(session, deleted_at=NOON))

    with database.read() as session:
        first, after = accounts.page(session, limit=2)
        second, end = accounts.page(session, after=after, limit=2)

    assert [account.id for account in (*first, *second)] == added
    assert (after, end) == (added[1], None)


def test_accounts_stand_in_the_order_of_their_use(database: Database) -> None:
    for name, priority in (("b", 1), ("a", 1), ("z", 9)):
        database.write(lambda s, name=name, priority=priority: add_account(s, name=name, priority=priority))

    with database.read() as session:
        assert [account.name for account in accounts.by_priority(session)] == ["z", "a", "b"]


def test_deleted_account_is_not_found(database: Database) -> None:
    gone = database.write(lambda session: add_account(session, deleted_at=NOON))

    with database.read() as session:
        assert accounts.one(session, gone) is None
        assert accounts.one(session, "acc_none") is None


def test_days_are_the_newest_first(database: Database) -> None:
    rows = [{"account_id": "acc_1", "day": f"2026-03-0{day}", "sent": day} for day in (1, 3, 2)]
    database.write(lambda session: insert_rows(session, AccountDay, *rows))

    with database.read() as session:
        assert [day.sent for day in accounts.days(session, "acc_1", limit=2)] == [3, 2]
