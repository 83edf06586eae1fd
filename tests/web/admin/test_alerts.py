"""The page of alerts: what needs a person, what did, and who is told."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.db.models import Alert, Suppression, WebhookEndpoint
from appliance.db.models.alert import AlertKind
from appliance.db.models.base import insert_rows
from appliance.db.models.suppression import SuppressionSource
from appliance.db.types import new_id
from appliance.services.suppression_entry import Entry
from appliance.services.webhook_record import DEAD
from tests.services.test_alert_words import FACTS
from tests.web.conftest import submit

SECRET = "a-secret-token"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    alerts = settings.alerts.model_copy(
        update={"urls": SecretStr(f"nothing://{SECRET} {SECRET}"), "email": ("ann@example.com",), "raise_seconds": 0.0}
    )
    return settings.model_copy(update={"alerts": alerts})


def add(core: Core, kind: AlertKind, **fields: object) -> None:
    row: dict[str, Any] = {
        "id": new_id("alr"),
        "kind": kind,
        "facts": FACTS[kind],
        "raised_at": utc_now(),
        "clear_seconds": 300,
    }
    core.database.write(lambda session: insert_rows(session, Alert, row | fields))


def test_a_box_that_is_well_says_so(alice: FlaskClient) -> None:
    page = alice.get("/alerts").text

    assert "Nothing needs you." in page
    assert 'aria-current="page">Alerts' in page


def test_each_kind_is_shown_with_its_remedy_and_where_to_mend_it(alice: FlaskClient, core: Core) -> None:
    for kind in AlertKind:
        add(core, kind, subject="acc_1" if kind.startswith("account") else kind)

    page = alice.get("/alerts").text

    assert "The disk of /var/lib/postroom has 900 MB left." in page
    assert "Make room on it" in page
    for path in ("/accounts/acc_1", "/messages?status=failed", "/backups", "/logs?level=error", "/retention"):
        assert f'href="{path}"' in page


def test_an_address_that_alerts_do_not_reach_is_shown_on_the_overview(alice: FlaskClient, core: Core) -> None:
    row = Entry("ann@example.com", "it bounced").row(SuppressionSource.REFUSAL, utc_now())
    core.database.write(lambda session: insert_rows(session, Suppression, row))

    core.services.alerts.look()

    assert "E-mails of alerts do not reach ann@example.com (it bounced)." in alice.get("/").text
    assert 'href="/suppressions?q=ann@example.com"' in alice.get("/alerts").text


def test_an_alert_that_nothing_suffers_by_is_a_warning(alice: FlaskClient, core: Core) -> None:
    add(core, AlertKind.ACCOUNT_EXHAUSTED, subject="acc_1", facts=FACTS[AlertKind.ACCOUNT_EXHAUSTED] | {"waits": False})
    add(core, AlertKind.FAILURE_RATE)

    page = alice.get("/").text

    assert page.index("25 % of the messages failed") < page.index("has sent the 100 messages")
    assert "Other sender accounts take over until then." in page
    assert page.count('class="note bad"') == page.count('class="note wait"') == 1
    assert '<span class="state wait">Daily limit reached' in alice.get("/alerts").text


def test_an_endpoint_that_is_paused_by_itself_is_told_of_once(alice: FlaskClient, core: Core) -> None:
    now = utc_now()
    row: dict[str, Any] = {
        "id": "whk_1",
        "url": "https://hooks.example.com/x",
        "events": ["*"],
        "secret_encrypted": "x",
    }
    row |= {"created_at": now, "updated_at": now, "active": False, "paused_at": now, "paused_reason": DEAD}
    core.database.write(lambda session: insert_rows(session, WebhookEndpoint, row))
    add(core, AlertKind.WEBHOOK, subject="whk_1", facts=FACTS[AlertKind.WEBHOOK] | {"paused": True, "error": DEAD})

    assert alice.get("/").text.count(DEAD) == 1
    assert 'href="/webhooks/whk_1"' in alice.get("/alerts").text


def test_what_is_over_stands_below_with_its_time(alice: FlaskClient, core: Core) -> None:
    for number in range(52):
        add(core, AlertKind.DISK, cleared_at=utc_now() - timedelta(minutes=number))

    page = alice.get("/alerts").text
    assert page.count("Disk nearly full") == 50
    older = page.partition('rel="next" href="')[2].partition('"')[0]
    assert alice.get(older).text.count("Disk nearly full") == 2


def test_a_test_says_what_became_of_each_way_and_no_secret(alice: FlaskClient) -> None:
    answer = submit(alice, "/alerts/test", {}, form_at="/alerts")

    assert answer.status_code == 200
    assert "no sender account can send now." in answer.text
    assert "Not taken by nothing://…, …." in answer.text
    assert SECRET not in answer.text
    assert "alerts.tested" in alice.get("/audit").text
