"""When a message is to go, and what would become of it."""

import base64
import email
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.db.models import IdempotencyKey, Message
from tests.web.api.letters import MESSAGES, ids, letter, post, send_all
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

DRY_RUN = f"{MESSAGES}?dry_run=true"


def in_hours(hours: float) -> str:
    return (utc_now() + timedelta(hours=hours)).isoformat()


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "attachments").glob("**/*") if path.is_file()]


def test_message_that_waits_is_shown_with_its_moments(api: ApiClient, core: Core) -> None:
    message = post(api, send_at=in_hours(24), expires_at=in_hours(25))
    send_all(core)

    found = api.get(f"{MESSAGES}/{message}").get_json()

    assert found["status"] == "scheduled"
    assert found["due_at"] == found["send_at"] < found["expires_at"]
    assert "as its sender asked" in found["explanation"]
    assert ids(api, "status=scheduled") == [message]
    assert api.post(f"{MESSAGES}/{message}/cancel").get_json()["status"] == "cancelled"


def test_moment_that_is_past_means_now(api: ApiClient) -> None:
    assert api.post(MESSAGES, letter(send_at="2020-01-01T00:00:00Z")).get_json()["status"] == "queued"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"send_at": "tomorrow"}, "send_at"),
        ({"send_at": "2026-12-24T18:00:00"}, "send_at"),
        ({"send_at": 7}, "send_at"),
        ({"send_at": "2199-01-01T00:00:00Z"}, "send_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"send_at": "2020-01-01T00:00:00Z", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_moment_that_makes_no_sense_is_refused(api: ApiClient, fields: dict[str, Any], wrong: str) -> None:
    assert wrong_fields(api.post(MESSAGES, letter(**fields))) == {wrong: "invalid"}


def test_moments_in_the_wrong_order_are_told_with_all_that_is_wrong(api: ApiClient) -> None:
    answer = api.post(MESSAGES, letter(to=["bob"], send_at=in_hours(2), expires_at=in_hours(1)))

    assert wrong_fields(answer) == {"to[0]": "invalid", "expires_at": "invalid"}


def test_dry_run_shows_the_message_and_stores_nothing(api: ApiClient, core: Core, settings: Settings) -> None:
    file = {"filename": "a.txt", "content": base64.b64encode(b"hello").decode()}

    answer = api.post(
        DRY_RUN, letter(attachments=[file], bcc=["eve@example.com"]), headers={"Idempotency-Key": "monday"}
    )

    assert answer.status_code == 200
    found = answer.get_json()
    assert (found["status"], found["account"]["name"]) == ("queued", "Built-in mailbox")
    written = email.message_from_string(found["raw"])
    assert written["To"] == "ann@example.com"
    assert "eve@example.com" not in found["raw"]
    assert "aGVsbG8=" in found["raw"]
    with core.database.read() as session:
        assert (session.query(Message).count(), session.query(IdempotencyKey).count()) == (0, 0)
    assert files(settings) == []


def test_dry_run_finds_what_is_wrong(api: ApiClient) -> None:
    assert wrong_fields(api.post(DRY_RUN, letter(to=["bob"]))) == {"to[0]": "invalid"}
    assert wrong_fields(api.post(DRY_RUN, letter(account="acc_none"))) == {"account": "not_found"}
    assert wrong_fields(api.post(f"{MESSAGES}?dry_run=perhaps", letter())) == {"dry_run": "invalid"}


def test_dry_run_needs_the_scope_to_send(make_api: MakeApi) -> None:
    problem_of(make_api("read").post(DRY_RUN, letter()), 403, "forbidden")


def test_dry_run_says_what_stands_in_the_way(api: ApiClient) -> None:
    [mailbox] = api.get("/api/v1/accounts").get_json()["items"]
    api.post(f"/api/v1/accounts/{mailbox['id']}/pause")

    found = api.post(DRY_RUN, letter()).get_json()

    assert (found["status"], found["reason"], found["due_at"]) == ("held", "paused", None)
    assert "is paused" in found["explanation"]


def test_metadata_can_be_searched(api: ApiClient) -> None:
    first = post(api, metadata={"order": 7, "shop": "north"})
    second = post(api, metadata={"order": "7", "shop": "south", "paid": True})
    post(api, metadata={"order": 70})

    assert ids(api, "metadata.order=7") == [second, first]
    assert ids(api, "metadata.order=7&metadata.shop=north") == [first]
    assert ids(api, "metadata.paid=true&status=queued") == [second]
    assert ids(api, "metadata.none=7") == []
