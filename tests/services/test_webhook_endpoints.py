"""Endpoints, and who may touch them."""

from typing import Any

import pytest

from appliance.config.webhook_settings import WebhookSettings
from appliance.db.database import Database
from appliance.db.models import WebhookEndpoint
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.services.webhook_form import EndpointForm
from tests.fakes import NOON, FakeClock
from tests.services.webhooks import Hooks

URL = "https://example.com/hooks"


def test_secret_is_kept_encrypted(hooks: Hooks) -> None:
    made = hooks.endpoint(URL)

    stored = hooks.stored(made.id).secret_encrypted
    assert made.secret.startswith("whsec_")
    assert made.secret not in stored
    assert hooks.vault.decrypt(stored) == made.secret


def test_change_sets_what_is_given_and_only_that(hooks: Hooks) -> None:
    made = hooks.endpoint(URL, "message.sent")

    hooks.endpoints.change(made.id, {"description": "shop"})

    stored = hooks.stored(made.id)
    assert (stored.url, stored.events, stored.description) == (URL, ["message.sent"], "shop")


def test_change_that_is_wrong_changes_nothing(hooks: Hooks) -> None:
    made = hooks.endpoint(URL)

    with pytest.raises(InvalidInput):
        hooks.endpoints.change(made.id, {"url": "ftp://example.com", "description": "shop"})

    assert hooks.stored(made.id).description == ""


def test_pause_and_resume_can_be_repeated(hooks: Hooks) -> None:
    made = hooks.endpoint(URL)

    for _ in range(2):
        hooks.endpoints.pause(made.id)
    paused = hooks.stored(made.id)
    for _ in range(2):
        hooks.endpoints.resume(made.id)

    assert (paused.active, paused.paused_at) == (False, NOON)
    assert (hooks.stored(made.id).active, hooks.stored(made.id).paused_at) == (True, None)


def test_resume_forgets_failures(hooks: Hooks, database: Database) -> None:
    made = hooks.endpoint(URL)
    database.write(
        lambda session: WebhookEndpoint.note_failure(
            session, made.id, at=NOON, known_failures=0, rest=NOON - NOON, error="no"
        )
    )
    hooks.endpoints.pause(made.id)

    hooks.endpoints.resume(made.id)

    assert (hooks.stored(made.id).failures, hooks.stored(made.id).failing_since) == (0, None)


def test_deleted_endpoint_keeps_no_secret_and_is_not_there(hooks: Hooks) -> None:
    made = hooks.endpoint(URL)

    hooks.endpoints.delete(made.id)

    assert hooks.stored(made.id).secret_encrypted == ""
    with pytest.raises(NotFound):
        hooks.endpoints.resume(made.id)


@pytest.mark.parametrize(
    "act",
    [
        lambda endpoints, one: endpoints.change(one, {}, api_key_id="key_other"),
        lambda endpoints, one: endpoints.pause(one, api_key_id="key_other"),
        lambda endpoints, one: endpoints.resume(one, api_key_id="key_other"),
        lambda endpoints, one: endpoints.replace_secret(one, api_key_id="key_other"),
        lambda endpoints, one: endpoints.delete(one, api_key_id="key_other"),
    ],
    ids=["change", "pause", "resume", "replace_secret", "delete"],
)
def test_endpoint_of_another_key_is_not_there(hooks: Hooks, act: Any) -> None:
    made = hooks.endpoint(URL, api_key_id="key_acme")

    with pytest.raises(NotFound):
        act(hooks.endpoints, made.id)


def test_there_is_an_end_to_endpoints(database: Database, clock: FakeClock) -> None:
    hooks = Hooks(database, clock, WebhookSettings(endpoints=2))
    made = [hooks.endpoint(URL) for _ in range(2)]

    with pytest.raises(WrongState, match="2 endpoints"):
        hooks.endpoints.create(EndpointForm(URL))
    hooks.endpoints.delete(made[0].id)

    assert hooks.endpoint(URL)
