"""The log hands each event on exactly once, or again when the one who takes it fails."""

from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Event
from appliance.db.models.event import EventKind, of_account
from appliance.db.queries import events
from appliance.services.event_log import LEAST, STEP, STEP_SECONDS, EventLog
from tests.fakes import NOON, FakeTimer
from tests.services.conftest import Chain


class Ear:
    """Remembers what it has heard, once the transaction has come through."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.failure: Exception | None = None

    def __call__(self, _session: Session, happened: Sequence[Event]) -> None:
        if self.failure is not None:
            raise self.failure
        self.heard += [str(event.account_id) for event in happened]


@pytest.fixture
def ears(database: Database) -> tuple[EventLog, Ear, Ear]:
    first, second = Ear(), Ear()
    return EventLog(database, [first, second], FakeTimer()), first, second


def happen(database: Database, count: int) -> list[str]:
    names = [f"acc_{number}" for number in range(count)]
    rows = [of_account(EventKind.ACCOUNT_PAUSED, name, NOON) for name in names]
    database.write(lambda session: Event.note(session, rows))
    return names


def waiting(database: Database) -> int:
    with database.read() as session:
        return events.count_waiting(session)


def test_everybody_hears_everything_once_in_order(database: Database, ears: tuple[EventLog, Ear, Ear]) -> None:
    log, first, second = ears
    names = happen(database, STEP + 7)

    more = [log.turn(), log.turn(), log.turn()]

    assert more == [True, False, False]
    assert first.heard == second.heard == names
    assert waiting(database) == 0


def test_events_stay_when_one_of_the_ears_fails(database: Database, ears: tuple[EventLog, Ear, Ear]) -> None:
    log, _, second = ears
    names = happen(database, 3)
    second.failure = RuntimeError("deaf")

    with pytest.raises(RuntimeError, match="deaf"):
        log.turn()
    left = waiting(database)
    second.failure = None
    log.turn()

    assert (left, second.heard, waiting(database)) == (3, names, 0)


def test_slow_listeners_are_told_less_at_once_so_that_nobody_is_held_up(database: Database) -> None:
    timer, told = FakeTimer(), list[int]()

    def listen(_session: Session, happened: Sequence[Event]) -> None:
        told.append(len(happened))
        timer.seconds += len(happened) * STEP_SECONDS / (LEAST * 2)

    log = EventLog(database, [listen], timer)
    happen(database, STEP + 25)

    more = [log.turn() for _ in range(3)]

    assert told == [STEP, LEAST * 2, 5]
    assert more == [True, True, False]
    assert waiting(database) == 0


def test_submission_and_delivery_are_told(chain: Chain) -> None:
    heard: list[tuple[str, str | None]] = []
    log = EventLog(chain.database, [lambda _session, happened: heard.extend((e.kind, e.message_id) for e in happened)])
    message = chain.submit(tags=("invoice",))
    chain.turn()  # into the built-in mailbox

    log.turn()

    assert heard == [("message.accepted", message), ("message.sent", message)]
