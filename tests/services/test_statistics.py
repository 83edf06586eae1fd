"""Events become figures, each exactly once."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from appliance.config.settings import DatabaseSettings, StatisticsSettings
from appliance.db.database import Database
from appliance.db.migrations import migrate
from appliance.db.models import Event, Message, Rollup
from appliance.db.models.event import EventKind
from appliance.db.models.rollup import COUNTERS, EVERYBODY, NOBODY, NONE, OTHER, Dimension, Unit
from appliance.db.queries import statistics
from appliance.db.queries.periods import Kept, Span
from appliance.db.queries.report import By, Question, report
from appliance.db.queries.statistics import Figures, Group
from appliance.services import tag_limits
from appliance.services.event_log import EventLog
from appliance.services.statistics import Statistics
from tests.fakes import NOON, FakeClock
from tests.services.conftest import Chain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink

UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated database; each test runs on both kinds."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    server = Database(request.getfixturevalue("postgres_url"), DatabaseSettings())
    migrate(server.engine)
    server.start()
    yield server
    server.stop()


def statistics_of(database: Database, zone: str = "UTC", **settings: int) -> Statistics:
    return Statistics(database, StatisticsSettings(**settings), zone=ZoneInfo(zone), clock=FakeClock())


def event(kind: str = "sent", at: datetime = NOON, **overrides: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "kind": f"message.{kind}",
        "at": at,
        "message_id": "msg_1",
        "account_id": None if kind == "accepted" else "acc_1",
        "api_key_id": "key_acme",
        "template_id": None,
        "tags": [],
        "priority": 1,
        "reason": "",
        "seconds": 0.1 if kind == "sent" else None,
    }
    return fields | overrides


def log_of(database: Database, *rows: dict[str, Any], zone: str = "UTC") -> EventLog:
    database.write(lambda session: Event.note(session, rows))
    return EventLog(database, [statistics_of(database, zone).count])


def count(database: Database, *rows: dict[str, Any], zone: str = "UTC") -> None:
    log = log_of(database, *rows, zone=zone)
    while log.turn():
        pass


def around(moment: datetime = NOON, unit: Unit = Unit.DAY, zone: ZoneInfo = UTC_ZONE) -> Span:
    return Span(unit, moment, moment + timedelta(microseconds=1), zone)


def total(database: Database, span: Span | None = None) -> Figures:
    with database.read() as session:
        return statistics.total(session, Group(), span or around())


def by_value(database: Database, dimension: Dimension, scope: str = EVERYBODY, unit: Unit = Unit.DAY) -> dict[str, int]:
    """Sent messages."""
    with database.read() as session:
        found = statistics.by_value(session, Group(dimension, scope=scope), around(unit=unit))
    return {value: figures.of("sent") for value, figures in found.items()}


def test_each_event_counts_once_whatever_the_batches(either: Database) -> None:
    kinds = [kind for index, kind in enumerate(COUNTERS) for _ in range(70 + index)]
    count(either, *(event(kind) for kind in kinds))  # 666, more than one batch takes

    figures = total(either)

    assert dict(zip(COUNTERS, figures.counts, strict=True)) == {kind: kinds.count(kind) for kind in COUNTERS}
    assert sum(figures.times) == kinds.count("sent")
    with either.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0


def test_later_batches_are_added_to_what_is_there(either: Database) -> None:
    for _ in range(3):
        count(either, event(), event("failed"))

    for unit in (Unit.HOUR, Unit.DAY):
        assert total(either, span=around(unit=unit)).of("sent") == 3
        assert total(either, span=around(unit=unit)).of("failed") == 3


def test_figures_are_kept_by_account_template_and_tag(either: Database) -> None:
    count(
        either,
        event(account_id="acc_2", template_id="tpl_1", tags=["invoice", "november"]),
        event(tags=["invoice", "invoice"]),
    )

    assert by_value(either, Dimension.ACCOUNT) == {"acc_1": 1, "acc_2": 1}
    assert by_value(either, Dimension.TEMPLATE) == {NONE: 1, "tpl_1": 1}
    assert by_value(either, Dimension.TAG) == {"invoice": 2, "november": 1}
    assert by_value(either, Dimension.TAG, unit=Unit.HOUR) == {"invoice": 2, "november": 1}


def test_a_key_has_the_same_figures_of_its_own(either: Database) -> None:
    count(either, event(tags=["a"]), event(api_key_id="key_other", tags=["b"]), event(api_key_id=None))

    assert by_value(either, Dimension.TAG, "key_acme") == {"a": 1}
    assert by_value(either, Dimension.TAG, "key_other") == {"b": 1}
    with either.read() as session:
        found = statistics.by_scope(session, Group(), around())
        assert statistics.scopes(session, Unit.DAY) == sorted(found)
    assert {scope: figures.of("sent") for scope, figures in found.items()} == {
        "key_acme": 1,
        "key_other": 1,
        NOBODY: 1,
    }


def test_what_happens_to_accounts_is_not_counted(database: Database) -> None:
    count(database, event() | {"kind": EventKind.ACCOUNT_BROKEN, "message_id": None})

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Rollup)) == 0


def test_when_another_consumer_fails_nothing_is_counted_and_nothing_is_lost(either: Database) -> None:
    def broken(_session: Session, _events: Sequence[Event]) -> None:
        raise RuntimeError("it broke")

    log_of(either, event(), event())
    with pytest.raises(RuntimeError, match="it broke"):
        EventLog(either, [statistics_of(either).count, broken]).turn()
    assert total(either).of("sent") == 0

    count(either)

    assert total(either).of("sent") == 2


def test_figures_outlive_the_messages(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    chain.submit(tags=("invoice",))
    chain.submit()
    chain.turn()
    count(chain.database)

    chain.database.write(lambda session: session.execute(delete(Message)) and None)

    figures = total(chain.database, span=around(chain.clock()))
    assert (figures.of("accepted"), figures.of("sent"), sum(figures.times)) == (2, 2, 2)
    assert by_value(chain.database, Dimension.TAG, "key_acme") == {"invoice": 1}


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), "2026-03-29"),  # 00:30 on the day that has 23 hours
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), "2026-03-29"),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "2026-03-30"),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), "2026-10-25"),  # the day that has 25
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "2026-10-25"),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "2026-10-26"),
    ],
)
def test_days_are_those_of_the_zone_of_the_appliance(database: Database, moment: datetime, day: str) -> None:
    count(database, event(at=moment), zone="Europe/Berlin")

    with database.read() as session:
        found = set(session.execute(select(Rollup.__table__.c.unit, Rollup.__table__.c.period)).all())
    assert found == {("h", moment.isoformat()[:13]), ("d", day), ("m", day[:7])}


def test_tags_beyond_the_fill_of_a_day_share_one_figure(either: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tag_limits.MOST, Unit.DAY, 2)
    monkeypatch.setitem(tag_limits.MOST, Unit.MONTH, 3)
    count(either, event(tags=["a"]))
    count(either, event(tags=["b"]), event(tags=["c", "d"]), event(tags=["a", "e"]))
    tomorrow = NOON + timedelta(days=1)
    count(either, event(tags=["x"], at=tomorrow), event(tags=["y"], at=tomorrow))

    assert by_value(either, Dimension.TAG) == {"a": 2, "b": 1, OTHER: 2}  # once a message
    assert by_value(either, Dimension.TAG, unit=Unit.HOUR) == {"a": 2, "b": 1, OTHER: 2}
    with either.read() as session:
        month = Span(Unit.DAY, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), UTC_ZONE)
        found = statistics.by_value(session, Group(Dimension.TAG), month)
    assert {value: figures.of("sent") for value, figures in found.items()} == {"a": 2, "b": 1, "c": 1, OTHER: 4}


def test_what_is_past_its_age_is_removed(either: Database) -> None:
    for days in (0, 35, 36, 1100, 1101, 1200):
        count(either, event(at=NOON - timedelta(days=days), tags=["a"]))

    removed = statistics_of(either).prune()

    left = dict.fromkeys(Unit, 0)
    with either.read() as session:
        for unit in session.scalars(select(Rollup.__table__.c.unit).where(Rollup.__table__.c.dimension == "total")):
            left[Unit(unit)] += 1
    assert left == {Unit.HOUR: 2 * 2, Unit.DAY: 4 * 2, Unit.MONTH: 3 * 2}  # of everybody, and of the key
    assert removed == {"hours": 4 * 8, "days": 2 * 8, "months": 1 * 8}
    assert statistics_of(either).prune() == {"hours": 0, "days": 0, "months": 0}


def test_an_answer_needs_nothing_that_is_removed(database: Database) -> None:
    for days in range(50):
        count(database, event(at=NOON - timedelta(days=days)))
    statistics_of(database, hour_days=5, day_days=40).prune()
    kept = Kept(NOON, 5, 40, UTC_ZONE)

    for back in (1, 5, 6, 30, 40, 49):
        span = kept.span(NOON - timedelta(days=back), None, None)
        assert span is not None
        assert total(database, span=span).of("sent") == min(back, 40) + 1


@pytest.mark.parametrize(("unit", "days"), [(Unit.HOUR, (0, 1, 2, 3)), (Unit.DAY, (0, 1, 40, 70))])
def test_every_question_is_answered_alike_by_either_database(
    either: Database, unit: Unit, days: tuple[int, ...]
) -> None:
    for back in days:
        for key, tags in (("key_1", ["a"]), ("key_2", ["a", "b"]), (None, [])):
            count(either, event(at=NOON - timedelta(days=back), api_key_id=key, tags=tags))
    span = Span(unit, NOON - timedelta(days=max(days) + 1), NOON + timedelta(seconds=1), UTC_ZONE)
    questions = [
        Question(span, by=by, by_time=by_time, only=only, scope=scope)
        for by in (None, *By)
        for by_time in (False, True)
        for only in (None, (Dimension.TAG, "a"))
        for scope in (EVERYBODY, "key_2")
        if only is None or by in (None, By.TAG, By.KEY)
    ]

    with either.read() as session:
        found = {question: report(session, question) for question in questions}

    for question, answer in found.items():
        everybody = 3 if question.only is None else 2
        sent = 4 * (everybody if question.scope == EVERYBODY else 1)
        assert answer.totals.of("sent") == sent
        both_tags = question.by is By.TAG and question.only is None  # counts for each; untagged for none
        assert sum(row.figures.of("sent") for row in answer.rows) == (
            4 * (3 if question.scope == EVERYBODY else 2) if both_tags else sent
        )
