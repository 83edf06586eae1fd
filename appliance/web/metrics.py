"""/metrics for Prometheus: figures are read when they are asked for, so nothing is counted twice or forgotten."""

import time
from collections.abc import Iterable, Iterator

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from appliance.clock import local_date
from appliance.db.models.message import MessageStatus
from appliance.db.queries import accounts, messages
from appliance.web.api.authentication import authenticate, needs
from appliance.web.context import WebContext

GAUGES = {
    "hub_lag_seconds": "How late the event loop was at its last heartbeat.",
    "delivery_slots": "Batches that may be in delivery at once.",
    "delivery_slots_used": "Batches that are in delivery.",
    "db_writes": "Writes since the process started.",
    "db_commits": "Commits since the process started.",
    "db_largest_batch": "Most writes that one commit held.",
}

blueprint = Blueprint("metrics", __name__)
blueprint.before_request(authenticate)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FINAL = (MessageStatus.SENT, MessageStatus.PARTIALLY_SENT, MessageStatus.FAILED)


@blueprint.get("/metrics")
@needs("read")
def show() -> Response:
    registry: CollectorRegistry = current_app.extensions["postroom_metrics"]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _State(Collector):
    """What the database and the running parts say at this moment."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        with self._context.read() as session:
            counts = messages.counts_by_status(session)
            oldest = messages.oldest_unfinished_at(session)
            senders = accounts.by_priority(session)
        yield self._sent()
        now = self._context.clock()
        today = local_date(now, self._context.zone)
        yield _gauge("messages", "Messages by state.", "status", counts.items())
        ages = ((status, (now - at).total_seconds()) for status, at in oldest.items())
        yield _gauge(
            "messages_oldest_age_seconds", "Age of the oldest message in each unfinished state.", "status", ages
        )
        sent = ((sender.id, sender.sent_on(today)) for sender in senders)
        yield _gauge("email_pool_daily_sent", "Messages sent today by sender account.", "account", sent)
        available = sum(sender.state(now, today) in ("ready", "probing") for sender in senders)
        yield GaugeMetricFamily("email_pool_available_accounts", "Sender accounts that can send now.", available)
        queues = self._context.telemetry.broker_queues().items()
        yield _gauge("queue_length", "Tasks waiting in the broker.", "queue", queues)
        up = ((health.name, float(health.ok)) for health in self._context.telemetry.health())
        yield _gauge("component_up", "1 for a component that runs.", "component", up)
        for name, value in self._context.telemetry.gauges().items():
            yield GaugeMetricFamily(name, GAUGES[name], value)

    def _sent(self) -> CounterMetricFamily:
        """Counted since the process started, which is what Prometheus expects: retention must not make it fall."""
        family = CounterMetricFamily("messages_sent", "Messages that came to their end by sending.", labels=["status"])
        for status in FINAL:
            family.add_metric([status], self._context.services.delivery.outcomes[status])
        return family


def register(app: Flask, context: WebContext) -> None:
    registry = CollectorRegistry()
    registry.register(_State(context))
    requests = Counter("http_requests", "Requests.", ["method", "route", "status"], registry=registry)
    seconds = Histogram("http_request_duration_seconds", "Time to answer.", ["route"], registry=registry)
    app.extensions["postroom_metrics"] = registry

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        # labels are a bounded set: the rule instead of the path, and no method that a client made up
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        requests.labels(method, route, response.status_code).inc()
        if "began" in g:
            seconds.labels(route).observe(time.perf_counter() - g.began)
        return response

    app.register_blueprint(blueprint)


def _gauge(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values:
        family.add_metric([key], value)
    return family
