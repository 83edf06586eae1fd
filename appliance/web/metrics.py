"""/metrics for Prometheus: figures are read when they are asked for, so nothing is counted twice or forgotten."""

import time

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from appliance.web.api import limits
from appliance.web.api.authentication import authenticate, needs
from appliance.web.context import WebContext
from appliance.web.metric_families import State
from appliance.web.metric_webhooks import WebhookState

blueprint = Blueprint("metrics", __name__)
blueprint.before_request(authenticate)
blueprint.after_request(limits.tell)

PROGRAM, PERSON = CLIENTS = ("program", "person")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@blueprint.get("/metrics")
@needs("read")
def show() -> Response:
    return Response(generate_latest(_meters().registry), content_type=CONTENT_TYPE_LATEST)


class _Meters:
    """What is counted of the requests to one appliance, and where it is read."""

    def __init__(self, context: WebContext) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(State(context))
        self.registry.register(WebhookState(context))
        ProcessCollector(registry=self.registry)
        labels = ["method", "route", "status"]
        self.requests = Counter("http_requests", "Requests.", labels, registry=self.registry)
        self.seconds = Histogram("http_request_duration_seconds", "Time to answer.", ["route"], registry=self.registry)
        text = "Requests that were refused with 503 before they had a route, since nobody had time for them."
        self.refused = Counter("http_requests_refused", text, ["client"], registry=self.registry)
        for client in CLIENTS:
            self.refused.labels(client)  # at 0: a series that begins with its first refusal would show no increase


def register(app: Flask) -> None:
    app.before_request(_note_time)
    app.after_request(_count)
    app.register_blueprint(blueprint)


def begin(app: Flask, context: WebContext) -> None:
    # the moment at which a series began is of no use to Prometheus, and doubles the answer
    disable_created_metrics()  # type: ignore[no-untyped-call]
    app.extensions["postroom_metrics"] = _Meters(context)


def count_refused(app: Flask, client: str) -> None:
    """A request that `app` does not see, of one of CLIENTS."""
    _meters_of(app).refused.labels(client).inc()


def _meters() -> _Meters:
    return _meters_of(current_app)


def _meters_of(app: Flask) -> _Meters:
    meters: _Meters = app.extensions["postroom_metrics"]
    return meters


def _note_time() -> None:
    g.began = time.perf_counter()


def _count(response: Response) -> Response:
    # labels are a bounded set: the rule instead of the path, and no method that a client made up
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in METHODS else "other"
    _meters().requests.labels(method, route, response.status_code).inc()
    if "began" in g:
        _meters().seconds.labels(route).observe(time.perf_counter() - g.began)
    return response
