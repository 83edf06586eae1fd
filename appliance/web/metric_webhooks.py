"""What /metrics says of webhooks."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from appliance.db.queries import webhook_queue, webhooks
from appliance.services.webhook_courier import OUTCOMES
from appliance.web.context import WebContext

MOST_WAITING = 10_000


class WebhookState(Collector):
    """Without a label for the endpoint: anybody with a key that may send can make endpoints."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        with self._context.read() as session:
            waiting, oldest_at = webhook_queue.backlog(session, MOST_WAITING)
            paused = len(webhooks.paused(session))
        yield self._attempts()
        text = f"Webhooks that wait to be sent, or to be sent again; more than {MOST_WAITING} count as that."
        yield GaugeMetricFamily("webhooks_waiting", text, waiting)
        age = (self._context.clock() - oldest_at).total_seconds() if oldest_at else 0.0
        yield GaugeMetricFamily("webhooks_oldest_age_seconds", "Age of the oldest of them.", age)
        yield GaugeMetricFamily(
            "webhook_endpoints_paused", "Endpoints that are paused, by hand or by themselves.", paused
        )

    def _attempts(self) -> CounterMetricFamily:
        outcomes = self._context.services.webhook_courier.outcomes
        family = CounterMetricFamily(
            "webhook_attempts", "Webhooks that were sent, by what came of it.", labels=["outcome"]
        )
        for outcome in OUTCOMES:
            family.add_metric([outcome], outcomes[outcome])
        return family
