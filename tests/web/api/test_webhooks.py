"""Endpoints over the API: made, changed, tested, paused, replayed; and whose they are."""

from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.config.webhook_settings import WebhookSettings
from appliance.db.models import Event, WebhookDelivery
from appliance.db.models.base import insert_rows
from appliance.db.models.event import EventKind, of_account
from appliance.services import webhook_fanout
from appliance.web.api import webhook_documents
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi
from tests.webhook_receiver import WebhookReceiver

HOOKS = "/api/v1/webhooks"
URL = "https://example.com/hooks"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    local = WebhookSettings(allow_http=True, allow_networks=("127.0.0.0/8",), timeout_seconds=5)
    return settings.model_copy(update={"webhooks": local})


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def create(api: ApiClient, url: str = URL, **fields: Any) -> dict[str, Any]:
    answer = api.post(HOOKS, {"url": url, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def add_failed(core: Core, webhook_id: str) -> str:
    now = utc_now()
    row = webhook_fanout.row(webhook_id, "message.sent", '{"a":1}', now, state="failed", attempts=8)
    core.database.write(lambda session: insert_rows(session, WebhookDelivery, row | {"due_at": None}))
    return str(row["id"])


def test_created_endpoint_shows_its_secret_once(api: ApiClient) -> None:
    made = create(api, events=["message.failed"], description="shop")

    shown = api.get(f"{HOOKS}/{made['id']}").get_json()
    webhook_documents.WebhookWithSecret.model_validate(made)
    webhook_documents.WebhookDocument.model_validate(shown)
    assert made["secret"].startswith("whsec_")
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (shown["events"], shown["description"], shown["active"]) == (["message.failed"], "shop", True)


def test_every_wrong_field_is_named(api: ApiClient) -> None:
    answer = api.post(HOOKS, {"url": "https://10.0.0.1/", "events": ["message.read"], "secret": "mine"})

    assert wrong_fields(answer) == {"secret": "unknown_field", "url": "invalid", "events[0]": "invalid"}
    answer = api.post(HOOKS, {"url": "https://10.0.0.1/", "events": ["message.read"]})
    assert wrong_fields(answer) == {"url": "invalid", "events[0]": "invalid"}


def test_all_that_is_wrong_with_a_url_is_told_in_one_answer(api: ApiClient) -> None:
    made = create(api)

    for answer in (
        api.post(HOOKS, {"url": "https://bob:secret@10.0.0.1/"}),
        api.patch(f"{HOOKS}/{made['id']}", {"url": "https://bob:secret@10.0.0.1/"}),
    ):
        errors = answer.get_json()["errors"]
        assert [error["field"] for error in errors] == ["url", "url"]
        assert "user and password" in errors[0]["message"]
        assert "allow_networks" in errors[1]["message"]


def test_change_keeps_what_is_left_out(api: ApiClient) -> None:
    made = create(api, description="shop")

    changed = api.patch(f"{HOOKS}/{made['id']}", {"events": ["account.*"]}).get_json()

    assert (changed["url"], changed["description"], changed["events"]) == (URL, "shop", ["account.*"])


def test_pause_and_resume(api: ApiClient) -> None:
    made = create(api)

    paused = api.post(f"{HOOKS}/{made['id']}/pause").get_json()
    resumed = api.post(f"{HOOKS}/{made['id']}/resume").get_json()

    assert (paused["active"], paused["paused_reason"]) == (False, "Paused by hand.")
    assert (resumed["active"], resumed["paused_at"], resumed["paused_reason"]) == (True, None, None)


def test_deleted_endpoint_is_gone(api: ApiClient) -> None:
    made = create(api)

    assert api.delete(f"{HOOKS}/{made['id']}").status_code == 204
    problem_of(api.get(f"{HOOKS}/{made['id']}"), 404, "not_found")
    assert api.get(HOOKS).get_json()["items"] == []


def test_new_secret_signs_from_now_on(api: ApiClient, receiver: WebhookReceiver) -> None:
    made = create(api, receiver.url)

    rotated = api.post(f"{HOOKS}/{made['id']}/rotate-secret").get_json()
    api.post(f"{HOOKS}/{made['id']}/test")

    [received] = receiver.received
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"]
    for secret in (made["secret"], rotated["secret"]):
        assert Webhook(secret).verify(received.body, received.headers)["type"] == "webhook.test"


def test_test_tells_what_the_receiver_answered(api: ApiClient, receiver: WebhookReceiver) -> None:
    receiver.answers = [500]
    made = create(api, receiver.url)

    report = api.post(f"{HOOKS}/{made['id']}/test").get_json()

    webhook_documents.WebhookTestReport.model_validate(report)
    detail = api.get(f"{HOOKS}/deliveries/{report['delivery']}").get_json()
    webhook_documents.WebhookDeliveryDetail.model_validate(detail)
    assert (report["ok"], report["status_code"]) == (False, 500)
    assert (detail["status"], detail["type"], len(detail["attempts"])) == ("failed", "webhook.test", 1)
    assert detail["payload"]["type"] == "webhook.test"


def test_log_goes_page_by_page_and_by_status(api: ApiClient, core: Core) -> None:
    made = create(api)
    ids = [add_failed(core, made["id"]) for _ in range(3)]
    path = f"{HOOKS}/{made['id']}/deliveries"

    first = api.get(f"{path}?limit=2").get_json()
    second = api.get(f"{path}?limit=2&cursor={first['next_cursor']}").get_json()

    webhook_documents.WebhookDeliveryPage.model_validate(first)
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    assert second["next_cursor"] is None
    assert api.get(f"{path}?status=delivered").get_json()["items"] == []


def test_one_delivery_and_all_that_failed_can_be_replayed(api: ApiClient, core: Core) -> None:
    made = create(api)
    one, *_ = [add_failed(core, made["id"]) for _ in range(3)]

    replayed = api.post(f"{HOOKS}/deliveries/{one}/replay").get_json()
    count = api.post(f"{HOOKS}/{made['id']}/replay", {"since": "2026-01-01T00:00:00Z"}).get_json()

    assert replayed["status"] == "pending"
    assert count == {"replayed": 2}


def test_replay_for_a_paused_endpoint_is_refused(api: ApiClient, core: Core) -> None:
    made = create(api)
    one = add_failed(core, made["id"])
    api.post(f"{HOOKS}/{made['id']}/pause")

    problem_of(api.post(f"{HOOKS}/deliveries/{one}/replay"), 409, "wrong_state")
    problem_of(api.post(f"{HOOKS}/{made['id']}/replay", {"since": "2026-01-01T00:00:00Z"}), 409, "wrong_state")


def test_key_without_manage_sees_its_own_endpoints_only(api: ApiClient, make_api: MakeApi, core: Core) -> None:
    shop, other = make_api("send", "read"), make_api("send", "read")
    mine, boxes = create(shop), create(api)
    delivery = add_failed(core, mine["id"])

    assert mine["api_key"]
    assert boxes["api_key"] is None
    assert [one["id"] for one in shop.get(HOOKS).get_json()["items"]] == [mine["id"]]
    assert [one["id"] for one in api.get(HOOKS).get_json()["items"]] == [boxes["id"], mine["id"]]
    assert other.get(HOOKS).get_json()["items"] == []
    for path in (f"/{mine['id']}", f"/{mine['id']}/deliveries", f"/deliveries/{delivery}"):
        assert shop.get(HOOKS + path).status_code == 200
        problem_of(other.get(HOOKS + path), 404, "not_found")
    for path in ("pause", "resume", "test", "rotate-secret"):
        problem_of(other.post(f"{HOOKS}/{mine['id']}/{path}"), 404, "not_found")
    problem_of(other.delete(f"{HOOKS}/{mine['id']}"), 404, "not_found")


def test_key_that_only_reads_changes_nothing(make_api: MakeApi) -> None:
    reader = make_api("read")

    problem_of(reader.post(HOOKS, {"url": URL}), 403, "forbidden")
    assert reader.get(HOOKS).status_code == 200


def test_event_that_happens_reaches_the_receiver(api: ApiClient, core: Core, receiver: WebhookReceiver) -> None:
    create(api, receiver.url, events=["account.paused"])
    now = utc_now()
    rows = [of_account(EventKind.ACCOUNT_PAUSED, "acc_mailbox", now)]
    core.database.write(lambda session: Event.note(session, rows))

    core.event_log.turn()
    for claim in core.webhooks.queue.claim():
        core.services.webhook_courier.send(claim.delivery_ids, claim.id)

    [received] = receiver.received
    assert b'"type":"account.paused"' in received.body


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59+14:00", "9999-12-31T23:59:59Z"])
def test_replay_since_any_moment_that_can_be_written(api: ApiClient, since: str) -> None:
    made = create(api)

    answer = api.post(f"{HOOKS}/{made['id']}/replay", {"since": since})

    assert (answer.status_code, answer.get_json()["replayed"]) == (200, 0)
