"""What messages that wait say when the box itself is in trouble; the API and the page say the same."""

from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.health import Health, Status
from tests.web.api.letters import MESSAGES, letter, post
from tests.web.conftest import ApiClient, Parts

AT_ONCE = "goes out as soon as a delivery slot is free; nothing needs to be done."


def explanation(api: ApiClient, message: str) -> str:
    return str(api.get(f"{MESSAGES}/{message}").get_json()["explanation"])


def test_message_says_nothing_of_a_box_that_is_well(api: ApiClient) -> None:
    assert explanation(api, post(api)).endswith(AT_ONCE)


@pytest.mark.parametrize("name", ["dispatcher", "worker"])
@pytest.mark.parametrize("status", [Status.FAILED, Status.STOPPED])
def test_part_that_does_not_run_is_named(api: ApiClient, parts: Parts, name: str, status: Status) -> None:
    message = post(api)
    parts.health = [Health(name, status, "it broke.")]

    sentence = explanation(api, message)

    assert f"But nothing goes out at the moment: the {name} does not run (it broke)." in sentence


def test_part_that_mail_does_not_need_is_not_named(api: ApiClient, parts: Parts) -> None:
    message = post(api)
    parts.health = [Health("monitor", Status.FAILED, "it broke.")]

    assert explanation(api, message).endswith(AT_ONCE)


def test_message_that_waits_for_something_else_does_not_blame_the_box(api: ApiClient, parts: Parts) -> None:
    message = post(api, send_at=(utc_now() + timedelta(days=1)).isoformat())
    parts.health = [Health("worker", Status.FAILED, "it broke.")]

    assert "nothing goes out" not in explanation(api, message)


def test_full_disk_is_named(api: ApiClient, core: Core) -> None:
    message = post(api)
    core.database.write(lambda session: session.execute(text("PRAGMA max_page_count = 1")))
    assert api.post(MESSAGES, letter(text="x" * 1_000_000)).status_code == 503

    sentence = explanation(api, message)

    assert "But nothing goes out at the moment: the database does not answer as it should" in sentence
    assert "full" in sentence
    assert "Check disk space" in sentence


def test_page_says_the_same(api: ApiClient, alice: FlaskClient, parts: Parts) -> None:
    post(api)
    message = post(api)
    parts.health = [Health("worker", Status.FAILED, "it broke.")]

    page = alice.get(f"/messages/{message}")

    assert explanation(api, message) in unescape(page.text)
    assert "behind 1 other message" in page.text
