import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from appliance.bootstrap import Core
from appliance.health import Health, Status
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import add_account, post, send_all
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi, Parts

Labels = frozenset[tuple[str, str]]


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


@pytest.mark.parametrize(("paused", "available"), [(False, 1), (True, 0)])
def test_only_accounts_that_can_send_are_available(api: ApiClient, paused: bool, available: int) -> None:
    if paused:
        api.post("/api/v1/accounts/acc_mailbox/pause")

    assert metrics(api)["email_pool_available_accounts", named()] == available
