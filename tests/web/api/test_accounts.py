import json
import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.db.models import SenderAccount
from appliance.web.api.documents import Account, AccountPage, AccountReport
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import MESSAGES, add_account, ids, post, send_all
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

ACCOUNTS = "/api/v1/accounts"
SECRET = "the secret of shop"


def account(**fields: Any) -> dict[str, Any]:
    return {"name": "Shop", "email": "shop@example.com", "host": "smtp.example.com"} | fields


def create(api: ApiClient, **fields: Any) -> dict[str, Any]:
    answer = api.post(ACCOUNTS, account(**fields))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    assert answer.headers["Location"] == f"{ACCOUNTS}/{made['id']}"
    return made


def test_account_has_the_usual_values_for_what_was_left_out(api: ApiClient) -> None:
    made = create(api)

    Account.model_validate(made)
    assert made == api.get(f"{ACCOUNTS}/{made['id']}").get_json()
    assert {name: made[name] for name in ("transport", "security", "port", "priority", "active", "daily_limit")} == {
        "transport": "smtp",
        "security": "starttls",
        "port": 587,
        "priority": 0,
        "active": True,
        "daily_limit": None,
    }
    assert (made["sent_today"], made["state"], made["has_password"]) == (0, "ready", False)


@pytest.mark.parametrize(("security", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_port_follows_the_security(api: ApiClient, security: str, port: int) -> None:
    made = create(api, security=security)

    assert made["port"] == port


def test_every_wrong_field_is_named_at_once(api: ApiClient) -> None:
    answer = api.post(
        ACCOUNTS,
        {
            "email": "shop",
            "transport": "pigeon",
            "port": 0,
            "security": "ssl",
            "daily_limit": -1,
            "priority": 1001,
            "active": "yes",
            "pasword": SECRET,
        },
    )

    assert wrong_fields(answer) == {
        "name": "required",
        "email": "invalid",
        "transport": "invalid",
        "host": "invalid",
        "port": "invalid",
        "security": "invalid",
        "daily_limit": "invalid",
        "priority": "invalid",
        "active": "invalid",
        "pasword": "unknown_field",
    }
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\r\nBcc: eve@example.com"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"email": "shop@example.com\r\n"}, None),  # white space at the ends is trimmed
        ({"email": "shop@exa\r\nmple.com"}, "email"),
        ({"host": ""}, "host"),
        ({"host": "smtp.example.com\r\nRSET"}, "host"),
        ({"host": "smtp.example.com:25/path"}, "host"),
        ({"host": "user@host"}, "host"),
        ({"host": "\0"}, "host"),
        ({"host": "x" * 254}, "host"),
        ({"port": "587"}, "port"),
        ({"port": True}, "port"),
        ({"port": 65536}, "port"),
        ({"port": 10**40}, "port"),
        ({"username": "\0", "password": "x"}, "username"),
        ({"username": "x" * 321}, "username"),
        ({"username": "shop", "password": "\ud800"}, "password"),
        ({"password": "without a user"}, "username"),
        ({"daily_limit": 1.5}, "daily_limit"),
        ({"daily_limit": 10**30}, "daily_limit"),
    ],
)
def test_field_that_is_not_right_is_named(api: ApiClient, fields: dict[str, Any], wrong: str | None) -> None:
    answer = api.post(ACCOUNTS, account(**fields))

    if wrong is None:
        assert answer.get_json()["email"] == "shop@example.com"
    else:
        assert wrong_fields(answer) == {wrong: "invalid"}


def test_password_is_never_shown(api: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    made = create(api, username="shop", password=SECRET)

    shown = [
        json.dumps(made),
        api.get(ACCOUNTS).text,
        api.get(f"{ACCOUNTS}/{made['id']}").text,
        api.patch(f"{ACCOUNTS}/{made['id']}", {"password": SECRET + "!"}).text,
        caplog.text,
    ]
    assert made["has_password"] is True
    assert all(SECRET not in text for text in shown)


def test_password_is_encrypted_at_rest(api: ApiClient, core: Core) -> None:
    made = create(api, username="shop", password=SECRET)

    with core.database.read() as session:
        stored = session.get_one(SenderAccount, made["id"]).password_encrypted
    assert stored
    assert SECRET not in stored


@pytest.mark.parametrize("kept", ["", None])
def test_change_keeps_what_is_left_out_and_a_password_that_is_empty(
    api: ApiClient, sink: SmtpSink, kept: str | None
) -> None:
    account_id = add_account(api, sink, daily_limit=5)

    changed = api.patch(f"{ACCOUNTS}/{account_id}", {"name": "Store", "password": kept}).get_json()

    assert (changed["name"], changed["daily_limit"], changed["has_password"]) == ("Store", 5, True)
    assert api.post(f"{ACCOUNTS}/{account_id}/test").get_json()["ok"] is True  # it is still the right one


def test_null_lifts_a_limit(api: ApiClient) -> None:
    made = create(api, daily_limit=5)

    assert api.patch(f"{ACCOUNTS}/{made['id']}", {"daily_limit": None}).get_json()["daily_limit"] is None


def test_null_where_it_means_nothing_is_refused(api: ApiClient) -> None:
    made = create(api)

    answer = api.patch(f"{ACCOUNTS}/{made['id']}", {"name": None, "priority": None, "active": None, "host": None})

    assert set(wrong_fields(answer)) == {"name", "priority", "active", "host"}


def test_change_of_the_security_brings_its_usual_port(api: ApiClient) -> None:
    made = create(api)

    assert api.patch(f"{ACCOUNTS}/{made['id']}", {"security": "tls"}).get_json()["port"] == 465
    assert api.patch(f"{ACCOUNTS}/{made['id']}", {"security": "none", "port": 2525}).get_json()["port"] == 2525


def test_change_to_something_wrong_changes_nothing(api: ApiClient) -> None:
    made = create(api)

    wrong_fields(api.patch(f"{ACCOUNTS}/{made['id']}", {"name": "Store", "host": ""}))
    wrong_fields(api.patch(f"{ACCOUNTS}/{made['id']}", {"name": "Store", "id": "acc_other"}))

    assert api.get(f"{ACCOUNTS}/{made['id']}").get_json() == made


def test_deleted_account_is_gone(api: ApiClient) -> None:
    made = create(api)

    assert api.delete(f"{ACCOUNTS}/{made['id']}").status_code == 204

    for answer in (
        api.get(f"{ACCOUNTS}/{made['id']}"),
        api.patch(f"{ACCOUNTS}/{made['id']}", {}),
        api.delete(f"{ACCOUNTS}/{made['id']}"),
        api.post(f"{ACCOUNTS}/{made['id']}/test"),
        api.post(f"{ACCOUNTS}/{made['id']}/pause"),
        api.post(f"{ACCOUNTS}/{made['id']}/resume"),
    ):
        problem_of(answer, 404, "not_found")


def test_built_in_mailbox_stays(api: ApiClient) -> None:
    problem_of(api.delete(f"{ACCOUNTS}/acc_mailbox"), 409, "wrong_state")


def test_accounts_are_listed_page_by_page(api: ApiClient) -> None:
    made = {create(api, name=f"Shop {number}")["id"] for number in range(3)} | {"acc_mailbox"}
    first = api.get(f"{ACCOUNTS}?limit=3").get_json()

    second = api.get(f"{ACCOUNTS}?limit=3&cursor={first['next_cursor']}").get_json()

    AccountPage.model_validate(first)
    assert {one["id"] for one in first["items"] + second["items"]} == made
    assert second["next_cursor"] is None


def test_paused_account_holds_messages_until_it_is_resumed(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)
    paused = api.post(f"{ACCOUNTS}/{account_id}/pause").get_json()
    message_id = post(api, account=account_id)
    send_all(core)
    held = api.get(f"{MESSAGES}/{message_id}").get_json()

    resumed = api.post(f"{ACCOUNTS}/{account_id}/resume").get_json()
    send_all(core)

    assert (paused["state"], resumed["state"]) == ("paused", "ready")
    assert (held["status"], held["reason"]) == ("held", "paused")
    assert "resume" in held["explanation"]
    assert api.get(f"{MESSAGES}/{message_id}").get_json()["status"] == "sent"
    assert sink.count == 1


# The test of an account


def test_test_signs_in_and_sends_nothing(api: ApiClient, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)

    report = api.post(f"{ACCOUNTS}/{account_id}/test").get_json()

    AccountReport.model_validate(report)
    assert report["ok"] is True
    assert any("EHLO" in line for line in report["dialogue"])
    assert sink.count == 0


def test_test_with_an_address_sends_a_message(api: ApiClient, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)

    report = api.post(f"{ACCOUNTS}/{account_id}/test", {"to": "ann@example.com"}).get_json()

    assert report["ok"] is True
    assert [one.rcpt_to for one in sink.messages] == [("ann@example.com",)]
    assert ids(api) == []


def test_refused_login_shows_the_conversation_without_the_secret(api: ApiClient, sink: SmtpSink) -> None:
    account_id = add_account(api, sink, password="not the secret at all")

    answer = api.post(f"{ACCOUNTS}/{account_id}/test")

    report = answer.get_json()
    assert answer.status_code == 200
    assert report["ok"] is False
    assert any("535" in line for line in report["dialogue"])
    assert "not the secret" not in answer.text
    assert "bm90IHRoZSBzZWNyZXQ" not in answer.text  # nor in base64


@pytest.mark.parametrize("to", ["ann", "ann@example.com\r\nDATA", ""])
def test_test_takes_only_an_address(api: ApiClient, sink: SmtpSink, to: str) -> None:
    account_id = add_account(api, sink)

    answer = api.post(f"{ACCOUNTS}/{account_id}/test", {"to": to})

    if to:
        assert wrong_fields(answer) == {"to": "invalid"}
    assert sink.count == 0


def test_test_of_a_server_that_nobody_serves_says_so(api: ApiClient, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)
    sink.stop()

    report = api.post(f"{ACCOUNTS}/{account_id}/test").get_json()

    assert report["ok"] is False
    assert report["message"]


def test_test_refuses_a_field_that_there_is_not(api: ApiClient) -> None:
    answer = api.post(f"{ACCOUNTS}/acc_mailbox/test", {"too": "ann@example.com"})

    assert wrong_fields(answer) == {"too": "unknown_field"}


@pytest.mark.parametrize("scopes", [["send"], ["read"], ["send", "read"]])
def test_accounts_are_shut_without_manage(make_api: MakeApi, client: FlaskClient, scopes: list[str]) -> None:
    program = make_api(*scopes)

    problem_of(program.get(ACCOUNTS), 403, "forbidden")
    problem_of(program.post(ACCOUNTS, account()), 403, "forbidden")
    problem_of(program.post(f"{ACCOUNTS}/acc_mailbox/test"), 403, "forbidden")
    problem_of(client.get(ACCOUNTS), 401, "unauthenticated")
