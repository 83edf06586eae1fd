from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.web.context import WebContext
from tests.web.api.letters import MESSAGES, ids, letter, post
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "Bearer", "Bearer ", "Bearer \t", "pr_secret", "Basic cHI6", "Bearer pr_unknown", "Bearer a b"),
        *("Token pr_unknown", "Bearer pr_ünknown", "Bearer " + "x" * 10_000, ",", "Bearer ,"),
    ],
)
def test_whoever_has_no_good_key_is_told_how_to_get_one(client: FlaskClient, header: str | None) -> None:
    answer = client.get(MESSAGES, headers={} if header is None else {"Authorization": header})

    problem_of(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_key_is_taken_whatever_the_case_of_its_scheme(client: FlaskClient, core: Core) -> None:
    secret = core.services.api_keys.create("acme", ["read"]).secret

    for header in (f"bearer {secret}", f"BEARER  {secret} "):
        assert client.get(MESSAGES, headers={"Authorization": header}).status_code == 200


def test_key_in_the_address_is_not_taken(client: FlaskClient, core: Core) -> None:
    secret = core.services.api_keys.create("acme", ["read"]).secret

    problem_of(client.get(f"{MESSAGES}?api_key={secret}&access_token={secret}"), 401, "unauthenticated")


def test_signed_in_browser_is_no_program(alice: FlaskClient) -> None:
    problem_of(alice.get(MESSAGES), 401, "unauthenticated")
    problem_of(alice.post(MESSAGES, json=letter()), 401, "unauthenticated")


def test_each_scope_opens_its_own(make_api: MakeApi) -> None:
    sender, reader = make_api("send"), make_api("read")
    message_id = post(sender)

    problem_of(sender.get(MESSAGES), 403, "forbidden")
    problem_of(sender.get(f"{MESSAGES}/{message_id}"), 403, "forbidden")
    detail = problem_of(reader.post(MESSAGES, letter()), 403, "forbidden")["detail"]
    assert "'send'" in detail
    problem_of(reader.post(f"{MESSAGES}/{message_id}/cancel"), 403, "forbidden")


def test_scope_is_asked_before_the_body(make_api: MakeApi) -> None:
    answer = make_api("read")._open("POST", MESSAGES, {"data": "{"})

    problem_of(answer, 403, "forbidden")


def test_revoked_key_is_shut_out_at_once(client: FlaskClient, core: Core) -> None:
    made = core.services.api_keys.create("acme", ["read"])
    headers = {"Authorization": f"Bearer {made.secret}"}
    assert client.get(MESSAGES, headers=headers).status_code == 200

    core.services.api_keys.revoke(made.id)

    problem_of(client.get(MESSAGES, headers=headers), 401, "unauthenticated")


def test_expired_key_is_shut_out(client: FlaskClient, core: Core) -> None:
    made = core.services.api_keys.create("acme", ["read"], expires_at=utc_now() - timedelta(seconds=1))

    answer = client.get(MESSAGES, headers={"Authorization": f"Bearer {made.secret}"})

    problem_of(answer, 401, "unauthenticated")


def test_token_of_the_box_opens_everything(app: Flask, web_context: WebContext, make_api: MakeApi) -> None:
    box = ApiClient(app.test_client(), web_context.local_token)
    of_program = post(make_api("send"))
    own = post(box)

    assert set(ids(box)) == {of_program, own}
    assert box.get("/api/v1/accounts").status_code == 200
    assert box.get("/metrics").status_code == 200


def test_view_without_a_scope_stays_shut(app: Flask, api: ApiClient) -> None:
    app.view_functions["api.messages.index"] = lambda: "open"

    problem_of(api.get(MESSAGES), 403, "forbidden")
