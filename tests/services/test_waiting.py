"""What waits is counted in steps, and the count is kept for a minute."""

from appliance.db.database import Database
from appliance.services.waiting import WaitingMessages
from tests.factories import add_message
from tests.fakes import FakeClock


def test_steps_together_count_every_message_once(database: Database, clock: FakeClock) -> None:
    for account_id in (None, "acc_a", "acc_b", None, "acc_a"):
        database.write(lambda session, account_id=account_id: add_message(session, account_id=account_id))

    waiting = WaitingMessages(database, clock=clock, step=2).count()

    assert waiting.by_account == {None: 2, "acc_a": 2, "acc_b": 1}
    assert waiting.by_status == {"queued": 5}


def test_nothing_waits_where_there_is_nothing(database: Database, clock: FakeClock) -> None:
    waiting = WaitingMessages(database, clock=clock).count()

    assert (waiting.total, waiting.oldest) == (0, None)


def test_count_is_kept_for_a_minute(database: Database, clock: FakeClock) -> None:
    messages = WaitingMessages(database, clock=clock)
    messages.count()
    database.write(add_message)

    clock.advance(seconds=59)
    assert messages.count().total == 0
    clock.advance(seconds=2)
    assert messages.count().total == 1
