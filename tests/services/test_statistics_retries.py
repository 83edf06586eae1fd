"""A message that is retried counts as what it became: its earlier end is taken out of the figures that counted it."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from appliance.config.settings import DeliverySettings, StatisticsSettings
from appliance.db.database import Database
from appliance.db.models import Message
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.message_sets import SetAction
from appliance.db.models.rollup import COUNTERS, EVERYBODY, Dimension, Unit
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import statistics
from appliance.db.queries.message_filters import Filters
from appliance.db.queries.periods import Span
from appliance.db.queries.statistics import Figures, Group
from appliance.services.bulk import BulkRequest
from appliance.services.event_log import EventLog
from appliance.services.statistics import Statistics
from tests.fakes import NOON
from tests.services.conftest import IMPATIENT, Chain, MakeChain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink

UTC_ZONE = ZoneInfo("UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UNIT_OF = {HOUR: Unit.HOUR, DAY: Unit.DAY}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def chain(request: pytest.FixtureRequest, make_chain: MakeChain) -> Chain:
    """On both kinds of database."""
    database: Database = request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database")
    return make_chain(
        database=database, delivery_settings=DeliverySettings(**IMPATIENT, suppress_on_hard_refusal=False)
    )


def counted(chain: Chain) -> None:
    settings = StatisticsSettings()
    log = EventLog(chain.database, [Statistics(chain.database, settings, zone=UTC_ZONE, clock=chain.clock).count])
    while log.turn():
        pass


def figures(
    chain: Chain, group: Group | None = None, *, since: timedelta = timedelta(0), last: timedelta = DAY
) -> Figures:
    """Of the time that begins `since` after noon."""
    counted(chain)
    span = Span(UNIT_OF[last], NOON + since, NOON + since + timedelta(microseconds=1), UTC_ZONE)
    with chain.database.read() as session:
        return statistics.total(session, group or Group(), span)


def counts(found: Figures) -> dict[str, int]:
    return {name: count for name, count in zip(COUNTERS, found.counts, strict=True) if count}


def failed(chain: Chain, sink: SmtpSink, *to: str, **fields: object) -> str:
    sink.reply("RCPT", "550 5.1.1 no such user", times=1)
    message = chain.submit(*to, **fields)
    chain.turn()
    return message


def retried(chain: Chain, message: str) -> None:
    chain.messages.retry(message)
    chain.turn()


def test_what_failed_and_was_sent_in_the_end_counts_as_sent(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = failed(chain, sink)
    assert counts(figures(chain)) == {"accepted": 1, "failed": 1}
    chain.clock.advance(hours=1)

    retried(chain, message)

    found = figures(chain)
    assert counts(found) == {"accepted": 1, "sent": 1, "retried": 1}
    assert found.success_rate == 1


def test_the_failure_is_gone_from_the_hour_in_which_it_was_counted(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = failed(chain, sink)
    chain.clock.advance(hours=1)

    retried(chain, message)

    assert counts(figures(chain, last=HOUR)) == {"accepted": 1}
    assert counts(figures(chain, since=HOUR, last=HOUR)) == {"sent": 1, "retried": 1}


def test_however_often_it_fails_it_is_one_failure(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = failed(chain, sink)
    for _ in range(3):
        chain.clock.advance(hours=7)  # over midnight
        sink.reply("RCPT", "550 5.1.1 no such user", times=1)
        retried(chain, message)

    counted(chain)
    both_days = Span(Unit.DAY, NOON, NOON + DAY, UTC_ZONE)
    with chain.database.read() as session:
        found = statistics.total(session, Group(), both_days)
    assert counts(found) == {"accepted": 1, "failed": 1, "retried": 3}
    assert counts(figures(chain)) == {"accepted": 1, "retried": 1}


def test_many_that_are_retried_at_once_are_taken_back_each_once(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    for number in range(3):
        failed(chain, sink, f"{number}@example.com")
    made = chain.bulk.start(BulkRequest(SetAction.RETRY, Filters()))

    for _ in range(2):
        chain.job_runs.run(made.id)
    chain.turn()

    assert counts(figures(chain)) == {"accepted": 3, "sent": 3, "retried": 3}


def test_it_is_taken_back_wherever_it_was_counted(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    """By account, template, tag and key; of an account with nothing left, nothing is said."""
    first = chain.account(sink, priority=9)
    message = failed(chain, sink, tags=("invoice",))
    counted(chain)
    chain.accounts.pause(first)
    second = chain.account(other_sink)

    retried(chain, message)

    counted(chain)
    by = {}
    with chain.database.read() as session:
        for scope in (EVERYBODY, "key_acme"):
            for dimension in Dimension:
                span = Span(Unit.DAY, NOON, NOON + HOUR, UTC_ZONE)
                found = statistics.by_value(session, Group(dimension, scope=scope), span)
                by[scope, dimension] = {value: counts(one) for value, one in found.items()}
    for scope in (EVERYBODY, "key_acme"):
        assert by[scope, Dimension.ACCOUNT] == {"": {"accepted": 1, "retried": 1}, second: {"sent": 1}}
        assert by[scope, Dimension.TAG] == {"invoice": {"accepted": 1, "sent": 1, "retried": 1}}


def test_of_what_was_partly_sent_the_time_is_taken_back_too(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.2.1 disabled", when=lambda line: "bob" in line, times=1)
    message = chain.submit("ann@example.com", "bob@example.com")
    chain.clock.advance(minutes=30)
    chain.turn()
    before = figures(chain)

    retried(chain, message)

    after = figures(chain)
    assert (counts(before), sum(before.times)) == ({"accepted": 1, "partially_sent": 1}, 1)
    assert (counts(after), sum(after.times)) == ({"accepted": 1, "sent": 1, "retried": 1}, 1)
    assert after.percentiles(0.5)[0] == pytest.approx(0.004, rel=0.3)


def test_what_has_not_ended_has_nothing_to_take_back(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "451 4.2.1 later", times=1)
    message = chain.submit()
    chain.turn()

    retried(chain, message)

    assert counts(figures(chain)) == {"accepted": 1, "deferred": 1, "sent": 1, "retried": 1}


def test_an_end_that_the_box_does_not_know_how_it_counted_stays(chain: Chain, sink: SmtpSink) -> None:
    """Such as that of a message that failed before the version that takes ends back."""
    chain.account(sink)
    message = failed(chain, sink)
    chain.database.write(lambda session: session.execute(update(Message).values(ended_through=None)) and None)

    retried(chain, message)

    assert counts(figures(chain)) == {"accepted": 1, "failed": 1, "sent": 1, "retried": 1}


def test_what_a_suppression_had_stopped_is_taken_back_when_it_goes_out(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    entry = chain.suppressions.add("ann@example.com", source=SuppressionSource.MANUAL)
    chain.submit()
    assert counts(figures(chain)) == {"accepted": 1, "suppressed": 1}

    chain.suppressions.remove(entry, release=True)
    chain.turn()

    assert counts(figures(chain)) == {"accepted": 1, "sent": 1, "retried": 1}


def test_a_retry_that_dies_before_it_is_counted_is_counted_later(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = failed(chain, sink)
    counted(chain)
    retried(chain, message)

    def die(*_of_it: object) -> None:
        raise RuntimeError("the process died here")

    statistics_of = Statistics(chain.database, StatisticsSettings(), zone=UTC_ZONE, clock=chain.clock)
    with pytest.raises(RuntimeError):
        EventLog(chain.database, [statistics_of.count, die]).turn()

    assert counts(figures(chain)) == {"accepted": 1, "sent": 1, "retried": 1}


def test_no_figure_is_below_zero_after_a_change_of_the_time_zone(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = failed(chain, sink)
    counted(chain)
    chain.messages.retry(message)
    east = Statistics(chain.database, StatisticsSettings(), zone=ZoneInfo("Pacific/Kiritimati"), clock=chain.clock)
    EventLog(chain.database, [east.count]).turn()

    found = figures(chain, since=DAY)

    assert min(found.counts) == 0


@needs_postgres
@pytest.mark.postgres
def test_what_fails_between_the_two_looks_of_a_retry_is_left_and_counts_once(
    make_chain: MakeChain, postgres_database: Database
) -> None:
    chain = make_chain(database=postgres_database)
    message = chain.submit()
    claim: dict[str, Any] = {"account_id": "acc_1", "day": "2026-03-10", "lease_until": NOON + HOUR}
    chain.database.write(lambda session: Message.claim(session, [message], claim_id="clm_1", **claim))
    outcome: dict[str, Any] = {"status": MessageStatus.FAILED, "reason": Reason.REFUSED, "detail": "", "attempts": 1}
    ends: list[bool] = []

    def fail(session: Session) -> None:
        ends.append(Message.finish(session, message, claim_id="clm_1", now=NOON, **outcome))

    def before(_connection: object, _cursor: object, statement: str, *_of_it: object) -> None:
        if statement.startswith("UPDATE messages") and not ends:
            chain.database.write(fail)

    def retry(session: Session) -> list[str]:
        event.listen(session.connection(), "before_cursor_execute", before)
        return Message.retry(session, [message], now=NOON)

    retried = chain.database.write(retry)

    assert (ends, retried, chain.status(message)) == ([True], [], "failed")
    assert counts(figures(chain)) == {"accepted": 1, "failed": 1}
