import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from appliance.bootstrap import Core
from appliance.bootstrap.measures import Measures
from appliance.db.models.sender_account import AccountState
from appliance.health import Health, Status
from appliance.histogram import Histogram
from appliance.runtime.watchdog import HubWatchdog
from appliance.web.app import create_app
from appliance.web.context import WebContext
from appliance.web.metric_families import PLAIN
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import add_account, post, send_all
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi, Parts

Labels = frozenset[tuple[str, str]]

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
DOCUMENTED = {
    name: set(labels.split(",")) if labels else set()
    for row in re.findall(r"^\| (`.*?) \|", GUIDE.partition("## Metrics")[2].partition("\n## ")[0], re.MULTILINE)
    for name, labels in re.findall(r"`(\w+)(?:\{([\w,]+)\})?`", row)
}
GAUGES = {"hub_lag_seconds", "delivery_slots", "delivery_slots_used", "db_connections_active", "db_largest_batch"}
COUNTERS = {"db_writes", "db_commits", "db_failed_commits"}


def metrics(api: ApiClient) -> dict[tuple[str, Labels], float]:
    answer = api.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def named(**labels: str) -> Labels:
    return frozenset(labels.items())


def test_metrics_need_a_key_that_may_read(make_api: MakeApi, app: Flask) -> None:
    problem_of(app.test_client().get("/metrics"), 401, "unauthenticated")
    problem_of(make_api("send", "manage").get("/metrics"), 403, "forbidden")
    assert make_api("read").get("/metrics").content_type.startswith("text/plain")


def test_requests_are_counted_by_method_route_and_status(api: ApiClient) -> None:
    api.get("/api/v1/messages/msg_gone")
    api.get("/api/v1/messages/msg_gone_too")

    found = metrics(api)

    labels = named(method="GET", route="/api/v1/messages/<string:id>", status="404")
    assert found["http_requests_total", labels] == 2
    assert found["http_request_duration_seconds_count", named(route="/api/v1/messages/<string:id>")] == 2


def test_no_client_can_make_labels(api: ApiClient) -> None:
    def knock(name: str) -> set[tuple[str, Labels]]:
        api.get(f"/nothing/{name}")
        api.get(f"/api/v1/messages?made={name}")
        api.get(f"/api/v1/messages/{name}")
        api._open(name.upper(), "/nothing", {})
        return set(metrics(api))

    knock("once")
    series = knock("first")

    assert knock("second") == series
    assert {dict(labels).get("method") for _, labels in series} == {None, "GET", "other"}


def test_sent_messages_are_counted_by_how_they_ended(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    sink.reply("RCPT", "550 5.1.1 no", when=lambda line: "bad" in line)
    post(api)
    post(api, to=["bad@example.com"])
    post(api, to=["ann@example.com", "bad@example.com"])
    send_all(core)

    found = metrics(api)

    assert {
        status: found["messages_sent_total", named(status=status)] for status in ("sent", "failed", "partially_sent")
    } == {
        "sent": 1,
        "failed": 1,
        "partially_sent": 1,
    }


def test_state_of_queue_accounts_and_parts_is_shown(api: ApiClient, core: Core, sink: SmtpSink, parts: Parts) -> None:
    account_id = add_account(api, sink, daily_limit=1)
    post(api)
    post(api)
    send_all(core)
    parts.broker_queues = {"normal": 7}
    parts.health = [Health("worker", Status.FAILED, "it broke"), Health("scheduler", Status.RUNNING)]

    found = metrics(api)

    assert found["messages", named(status="sent")] == 1
    assert found["messages", named(status="held")] == 1
    assert found["messages_oldest_age_seconds", named(status="held")] >= 0
    assert found["email_pool_daily_sent", named(account=account_id)] == 1
    assert found["queue_length", named(queue="normal")] == 7
    assert found["component_up", named(component="worker")] == 0
    assert found["component_up", named(component="scheduler")] == 1


def test_every_metric_is_documented_and_none_is_only_documented(
    api: ApiClient, core: Core, sink: SmtpSink, web_context: WebContext
) -> None:
    """Once everything has something to say."""
    add_account(api, sink)
    post(api)
    send_all(core)
    post(api)  # waits
    everything = replace(
        web_context.telemetry,
        gauges=lambda: dict.fromkeys(GAUGES, 1.0),
        counters=lambda: dict.fromkeys(COUNTERS, 1.0),
        histograms=lambda: {name: Histogram() for name in set(PLAIN) - GAUGES - COUNTERS},
        tasks=lambda: {"success": 1},
        broker_queues=lambda: {"postroom": 0},
    )
    app = create_app(replace(web_context, telemetry=everything))
    prometheus = ApiClient(app.test_client(), core.services.api_keys.create("prometheus", ["read"]).secret)
    prometheus.get("/metrics")  # so that a request was counted
    answer = prometheus.get("/metrics")

    exported = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(answer.text)
    }

    assert set(exported) == set(DOCUMENTED)
    for name, family in exported.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels == DOCUMENTED[name], name
        assert family.documentation
        assert family.samples


def test_running_parts_are_asked_at_each_scrape(core: Core) -> None:
    watchdog = HubWatchdog()
    core.services.delivery.durations.add(0.3)
    measures = Measures(core, watchdog, lambda: 4)

    assert set(measures.gauges()) | set(measures.counters()) | set(measures.histograms()) == set(PLAIN)
    assert (set(measures.gauges()), set(measures.counters())) == (GAUGES, COUNTERS)
    assert measures.counters()["db_writes"] >= 1
    assert measures.histograms()["db_writes_per_commit"].count == measures.counters()["db_commits"]
    assert measures.gauges()["db_connections_active"] == 1  # the writer's own


def test_time_of_attempts_is_shown_by_account_until_it_is_deleted(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)
    post(api)
    send_all(core)

    before = metrics(api)
    api.delete(f"/api/v1/accounts/{account_id}")
    after = metrics(api)

    assert before["smtp_attempt_duration_seconds_count", named(account=account_id)] == 1
    assert before["smtp_attempt_duration_seconds_bucket", named(account=account_id, le="+Inf")] == 1
    assert core.services.delivery.durations.count == 1
    assert {dict(labels).get("account") for _, labels in after} == {None, "acc_mailbox"}


def test_state_of_the_breaker_is_shown_by_account(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    account_id = add_account(api, sink, password="wrong")
    post(api, account=account_id)
    send_all(core)

    found = metrics(api)

    assert state_of(found, account_id) == AccountState.RESTING


def test_events_that_wait_are_counted_until_they_are_taken(api: ApiClient, core: Core) -> None:
    post(api)

    before = metrics(api)
    core.event_log.turn()
    after = metrics(api)

    assert (before["events_waiting", named()], after["events_waiting", named()]) == (1, 0)
    assert before["events_oldest_age_seconds", named()] >= 0
    assert after["events_oldest_age_seconds", named()] == 0


@pytest.mark.parametrize(("paused", "available"), [(False, 1), (True, 0)])
def test_only_accounts_that_can_send_are_available(api: ApiClient, paused: bool, available: int) -> None:
    if paused:
        api.post("/api/v1/accounts/acc_mailbox/pause")

    assert metrics(api)["email_pool_available_accounts", named()] == available


def test_a_mailbox_that_steps_aside_for_a_paused_account_is_not_available(api: ApiClient, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)
    before = metrics(api)
    api.post(f"/api/v1/accounts/{account_id}/pause")
    paused = metrics(api)
    api.delete(f"/api/v1/accounts/{account_id}")
    alone = metrics(api)

    found = [one["email_pool_available_accounts", named()] for one in (before, paused, alone)]
    assert found == [1, 0, 1]
    assert state_of(before, "acc_mailbox") == state_of(paused, "acc_mailbox") == "aside"
    assert (state_of(before, account_id), state_of(paused, account_id)) == ("ready", "paused")
    assert state_of(alone, "acc_mailbox") == "ready"


def test_states_of_accounts_are_those_of_the_guide(api: ApiClient) -> None:
    [row] = [line for line in GUIDE.splitlines() if "email_pool_account_state" in line]

    states = {dict(labels)["state"] for name, labels in metrics(api) if name == "email_pool_account_state"}

    assert states == {"ready", "paused", "full", "resting", "probing", "aside"}
    assert all(f"`{state}`" in row for state in states)


def state_of(found: dict[tuple[str, Labels], float], account_id: str) -> str:
    """The one state that is 1."""
    [state] = [
        dict(labels)["state"]
        for (name, labels), value in found.items()
        if name == "email_pool_account_state" and value and dict(labels)["account"] == account_id
    ]
    return state


def test_webhooks_that_wait_and_attempts_are_told(api: ApiClient, core: Core) -> None:
    hook = api.post("/api/v1/webhooks", {"url": "https://example.com/hooks", "events": ["*"]}).get_json()
    post(api)
    core.event_log.turn()

    before = metrics(api)
    core.services.webhook_courier.outcomes["delivered"] += 2
    api.post(f"/api/v1/webhooks/{hook['id']}/pause")
    after = metrics(api)

    assert (before["webhooks_waiting", named()], before["webhook_endpoints_paused", named()]) == (1, 0)
    assert before["webhooks_oldest_age_seconds", named()] >= 0
    assert after["webhook_attempts_total", named(outcome="delivered")] == 2
    assert after["webhook_attempts_total", named(outcome="not_accepted")] == 0
    assert after["webhook_endpoints_paused", named()] == 1
