"""What /metrics says beside requests: read from the database and the running parts at the moment when it is asked."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from appliance import __version__
from appliance.clock import local_date
from appliance.db.models import SenderAccount
from appliance.db.models.message import MessageStatus
from appliance.db.models.sender_account import AccountState
from appliance.db.queries import accounts, events, messages
from appliance.histogram import Histogram
from appliance.services.routing import ABLE, ASIDE, standings
from appliance.web.context import WebContext

FINAL = (MessageStatus.SENT, MessageStatus.PARTIALLY_SENT, MessageStatus.FAILED)
MOST_EVENTS = 10_000
STATES = (*AccountState, ASIDE)

PLAIN: Mapping[str, str] = {
    "hub_lag_seconds": "How late the event loop was at its last heartbeat.",
    "hub_heartbeat_delay_seconds": "How late the event loop was at each heartbeat: 20 a second, at rest one.",
    "delivery_slots": "Batches that may be in delivery at once.",
    "delivery_slots_used": "Batches that are in delivery.",
    "db_connections_active": "Database connections in use, the writer's included.",
    "db_writes": "Writes that were made durable (SQLite).",
    "db_commits": "Commits that made them durable (SQLite).",
    "db_failed_commits": "Commits that the database refused (SQLite).",
    "db_largest_batch": "Most writes that one commit held (SQLite).",
    "db_writes_per_commit": "How many writes shared a commit (SQLite).",
    "messages_send_duration_seconds": "From when a message was to go to when it was sent.",
}
"""What the running parts measure of themselves, by name."""


class _Stored(NamedTuple):
    counts: Mapping[str, int]
    oldest: Mapping[str, datetime]
    accounts: list[SenderAccount]
    events: int
    oldest_event_at: datetime | None


class State(Collector):
    def __init__(self, context: WebContext) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Labels are bounded: states, components, queues, and the sender accounts that there are."""
        now, stored = self._context.clock(), self._stored()
        yield _gauge("postroom_info", "1, with the version that runs.", "version", [(__version__, 1.0)])
        yield from self._messages(stored, now)
        yield from self._accounts(stored.accounts, now)
        yield from self._parts()
        yield from self._measured()

    def _stored(self) -> _Stored:
        with self._context.read() as session:
            return _Stored(
                messages.counts_by_status(session),
                messages.oldest_unfinished_at(session),
                list(accounts.by_priority(session)),
                *events.backlog(session, MOST_EVENTS),
            )

    def _messages(self, stored: _Stored, now: datetime) -> Iterator[Metric]:
        outcomes = self._context.services.delivery.outcomes
        ended = ((status, float(outcomes[status])) for status in FINAL)
        text = "Messages that came to their end by sending; one that is retried counts again at its next end."
        yield _counter("messages_sent", text, "status", ended)
        yield _gauge("messages", "Messages by state.", "status", stored.counts.items())
        ages = ((status, (now - at).total_seconds()) for status, at in stored.oldest.items())
        text = "Age of the oldest message in each unfinished state."
        yield _gauge("messages_oldest_age_seconds", text, "status", ages)
        text = f"Events that wait to be counted and told; more than {MOST_EVENTS} count as that."
        yield GaugeMetricFamily("events_waiting", text, stored.events)
        age = (now - stored.oldest_event_at).total_seconds() if stored.oldest_event_at else 0.0
        yield GaugeMetricFamily("events_oldest_age_seconds", "Age of the oldest of them.", age)

    def _accounts(self, senders: list[SenderAccount], now: datetime) -> Iterator[Metric]:
        today = local_date(now, self._context.zone)
        states = standings(senders, now, today)
        available = sum(state in ABLE for state in states.values())
        text = "Sender accounts that can send now; the built-in mailbox is one only while there is no other account."
        yield GaugeMetricFamily("email_pool_available_accounts", text, available)
        sent = ((sender.id, sender.sent_on(today)) for sender in senders)
        yield _gauge("email_pool_daily_sent", "Messages sent today by sender account.", "account", sent)
        yield _states(states)
        measured = self._context.services.delivery.latencies
        latencies = {account_id: measured[account_id] for account_id in states if account_id in measured}
        text = "Time that an attempt took, by sender account; for the built-in mailbox, to keep the message."
        yield _histogram("smtp_attempt_duration_seconds", text, latencies, ["account"])

    def _parts(self) -> Iterator[Metric]:
        telemetry = self._context.telemetry
        yield _gauge("queue_length", "Tasks waiting in the broker.", "queue", telemetry.broker_queues().items())
        text = "Tasks of the worker by what became of them."
        yield _counter("celery_tasks", text, "state", telemetry.tasks().items())
        up = ((health.name, float(health.ok)) for health in telemetry.health())
        yield _gauge("component_up", "1 for a component that runs.", "component", up)

    def _measured(self) -> Iterator[Metric]:
        telemetry = self._context.telemetry
        for name, value in telemetry.gauges().items():
            yield GaugeMetricFamily(name, PLAIN[name], value)
        for name, value in telemetry.counters().items():
            yield CounterMetricFamily(name, PLAIN[name], value)
        for name, measured in telemetry.histograms().items():
            yield _histogram(name, PLAIN[name], {"": measured}, [])


def _states(states: Mapping[str, str]) -> GaugeMetricFamily:
    text = (
        "1 for the state that a sender account is in; resting and probing: its breaker is open, is half-open; "
        "aside: the built-in mailbox, which takes only what names it while there is another account."
    )
    family = GaugeMetricFamily("email_pool_account_state", text, labels=["account", "state"])
    for account_id, present in states.items():
        for state in STATES:
            family.add_metric([account_id, state], float(state == present))
    return family


def _gauge(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values:
        family.add_metric([key], value)
    return family


def _counter(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> CounterMetricFamily:
    """Counted since the process started, which is what Prometheus expects: retention must not make it fall."""
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values:
        family.add_metric([key], value)
    return family


def _histogram(name: str, text: str, values: Mapping[str, Histogram], labels: list[str]) -> HistogramMetricFamily:
    """One histogram without `labels`, or one for each value of the only label."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for key, measured in values.items():
        buckets = [(_border(border), count) for border, count in measured.cumulative()]
        family.add_metric([key] if labels else [], buckets, sum_value=measured.sum)
    return family


def _border(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
