"""Endpoints, set up by a person."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.config.webhook_settings import WebhookSettings
from appliance.db.models import WebhookDelivery, WebhookEndpoint
from appliance.db.models.base import insert_rows
from appliance.db.queries import webhooks
from appliance.services import webhook_fanout
from appliance.services.webhook_form import EndpointForm
from appliance.services.webhook_record import DEAD
from tests.web.conftest import submit
from tests.webhook_receiver import WebhookReceiver, answer_with


@pytest.fixture
def settings(settings: Settings) -> Settings:
    local = WebhookSettings(allow_http=True, allow_private=True, timeout_seconds=5)
    return settings.model_copy(update={"webhooks": local})


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def endpoint(core: Core, receiver: WebhookReceiver) -> str:
    return core.services.webhook_endpoints.create(EndpointForm(receiver.url, "shop")).id


def add_delivery(core: Core, endpoint_id: str, **overrides: object) -> str:
    now = utc_now()
    row = webhook_fanout.row(endpoint_id, "message.sent", '{"type":"message.sent"}', now, **overrides)
    core.database.write(lambda session: insert_rows(session, WebhookDelivery, row))
    return str(row["id"])


def secret_on(page: str) -> str:
    found = re.search(r'id="secret"[^>]*>(whsec_[^<]+)<', page)
    assert found is not None
    return found[1]


def test_empty_page_says_what_to_do(alice: FlaskClient) -> None:
    page = alice.get("/webhooks").text

    assert "There is no endpoint yet" in page
    assert 'href="/webhooks/new"' in page


def test_all_that_is_wrong_with_a_url_stands_beside_it_at_once(alice: FlaskClient) -> None:
    fields = {"url": "http://bob:secret@localhost/ü", "events": ["*"]}

    page = submit(alice, "/webhooks/new", fields, form_at="/webhooks/new").text

    beside = page.partition('id="url-error">')[2].partition("</div>")[0]
    assert "Leave out user and password" in beside
    assert "Write the path in ASCII" in beside


def test_secret_of_a_new_endpoint_is_shown_once_and_signs(alice: FlaskClient, receiver: WebhookReceiver) -> None:
    fields = {"url": receiver.url, "description": "shop", "events": ["message.failed", "account.*"]}
    created = submit(alice, "/webhooks/new", fields, form_at="/webhooks/new")
    found = re.search(r"/webhooks/(whk_\w+)/test", created.text)
    assert found is not None

    submit(alice, f"/webhooks/{found[1]}/test", {})

    [received] = receiver.received
    secret = secret_on(created.text)
    assert created.status_code == 201
    assert Webhook(secret).verify(received.body, received.headers)["type"] == "webhook.test"
    assert secret not in alice.get(f"/webhooks/{found[1]}").text


def test_what_is_wrong_stands_beside_its_field(alice: FlaskClient) -> None:
    answer = submit(alice, "/webhooks/new", {"url": "ftp://example.com", "events": ["*"]}, form_at="/webhooks/new")

    assert answer.status_code == 422
    assert 'id="url-error"' in answer.text
    assert 'value="ftp://example.com"' in answer.text


def test_no_event_chosen_is_said(alice: FlaskClient) -> None:
    answer = submit(alice, "/webhooks/new", {"url": "https://example.com"}, form_at="/webhooks/new")

    assert answer.status_code == 422
    assert "Name at least one of" in answer.text


def test_endpoint_is_changed(alice: FlaskClient, core: Core, endpoint: str) -> None:
    form = alice.get(f"/webhooks/{endpoint}/edit").text
    fields = {"url": "https://example.com/new", "description": "", "events": ["message.*"]}

    submit(alice, f"/webhooks/{endpoint}/edit", fields, form_at=f"/webhooks/{endpoint}/edit")

    with core.database.read() as session:
        stored = session.get(WebhookEndpoint, endpoint)
    assert stored is not None
    assert (stored.url, stored.events) == ("https://example.com/new", ["message.*"])
    assert "checked" in form


def test_pause_resume_and_delete(alice: FlaskClient, endpoint: str) -> None:
    at = f"/webhooks/{endpoint}"
    submit(alice, f"{at}/pause", {}, form_at=at)
    paused = alice.get(at).text
    submit(alice, f"{at}/resume", {}, form_at=at)
    resumed = alice.get(at).text
    submit(alice, f"{at}/delete", {}, form_at=at)

    assert "Paused by hand" in paused
    assert "Paused since" not in resumed
    assert alice.get(at).status_code == 404


def test_test_that_fails_says_why(alice: FlaskClient, receiver: WebhookReceiver, endpoint: str) -> None:
    receiver.answers = [answer_with(500, b"<b>boom</b>")]

    page = submit(alice, f"/webhooks/{endpoint}/test", {}).text

    assert "It does not work" in page
    assert "The receiver answered 500" in page
    assert "&lt;b&gt;boom&lt;/b&gt;" in page


def test_new_secret_is_shown_once(alice: FlaskClient, endpoint: str) -> None:
    page = submit(alice, f"/webhooks/{endpoint}/rotate-secret", {}).text

    assert secret_on(page)
    assert "signs as well until" in page
    assert "signs as well until" in alice.get(f"/webhooks/{endpoint}").text


def test_log_leads_to_a_delivery_with_its_attempts(
    alice: FlaskClient, endpoint: str, receiver: WebhookReceiver
) -> None:
    receiver.answers = [answer_with(503, b"later")]
    submit(alice, f"/webhooks/{endpoint}/test", {})
    found = re.search(r"/webhooks/deliveries/(whd_\w+)", alice.get(f"/webhooks/{endpoint}").text)
    assert found is not None

    page = alice.get(f"/webhooks/deliveries/{found[1]}").text

    assert "503" in page
    assert "later" in page
    assert "webhook.test" in page


def test_log_is_filtered_by_state(alice: FlaskClient, core: Core, endpoint: str) -> None:
    delivery = add_delivery(core, endpoint, state="failed", due_at=None)

    assert delivery in alice.get(f"/webhooks/{endpoint}?status=failed").text
    assert delivery not in alice.get(f"/webhooks/{endpoint}?status=delivered").text


def test_delivery_is_sent_again(alice: FlaskClient, core: Core, endpoint: str) -> None:
    delivery = add_delivery(core, endpoint, state="failed", due_at=None)

    answer = submit(alice, f"/webhooks/deliveries/{delivery}/replay", {})

    page = alice.get(answer.headers["Location"]).text
    assert "It is sent again" in page
    assert "as soon as it can be" in page


def test_what_was_given_up_is_sent_again(alice: FlaskClient, core: Core, endpoint: str) -> None:
    for _ in range(2):
        add_delivery(core, endpoint, state="failed", due_at=None)

    submit(alice, f"/webhooks/{endpoint}/replay", {"hours": "24"})

    assert "Sent again: 2" in alice.get(f"/webhooks/{endpoint}").text


def test_replay_for_a_paused_endpoint_says_what_to_do(alice: FlaskClient, core: Core, endpoint: str) -> None:
    core.services.webhook_endpoints.pause(endpoint)

    submit(alice, f"/webhooks/{endpoint}/replay", {"hours": "24"})

    assert "resume it first" in alice.get(f"/webhooks/{endpoint}").text


def test_endpoint_that_paused_itself_is_on_the_status_page(alice: FlaskClient, core: Core, endpoint: str) -> None:
    now = utc_now()
    core.database.write(lambda session: WebhookEndpoint.pause(session, endpoint, reason=DEAD, now=now))

    status, webhook = alice.get("/").text, alice.get(f"/webhooks/{endpoint}").text

    assert f"/webhooks/{endpoint}" in status
    assert DEAD in status
    assert DEAD in webhook


def test_endpoint_paused_by_hand_is_no_alarm(alice: FlaskClient, core: Core, endpoint: str) -> None:
    core.services.webhook_endpoints.pause(endpoint)

    assert f"/webhooks/{endpoint}" not in alice.get("/").text


def test_a_second_press_adds_no_second_endpoint(alice: FlaskClient, core: Core, receiver: WebhookReceiver) -> None:
    pressed = {"url": receiver.url, "events": ["*"], "once": "token of the form"}

    first = submit(alice, "/webhooks/new", pressed, form_at="/webhooks/new")
    second = submit(alice, "/webhooks/new", pressed, form_at="/webhooks/new")

    assert (first.status_code, second.status_code) == (201, 409)
    assert "This form has added an endpoint already" in second.text
    with core.database.read() as session:
        assert len(webhooks.page(session)[0]) == 1


def test_a_second_press_does_not_replace_the_new_secret(
    alice: FlaskClient, endpoint: str, receiver: WebhookReceiver
) -> None:
    path, pressed = f"/webhooks/{endpoint}/rotate-secret", {"once": "token of the form"}

    secret = secret_on(submit(alice, path, pressed).text)
    second = submit(alice, path, pressed)
    page = alice.get(second.headers["Location"]).text
    submit(alice, f"/webhooks/{endpoint}/test", {})

    assert "replaced by your first press" in page
    [received] = receiver.received
    assert Webhook(secret).verify(received.body, received.headers)
