"""What an API key's limits look like to its program."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection
from math import ceil
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.pywsgi import WSGIServer

from appliance.bootstrap import Core
from appliance.config.settings import Settings
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.services.key_limits import KeyLimits
from appliance.web.context import WebContext
from tests.web.api.letters import MESSAGES, ids, letter, post
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient

BATCH = f"{MESSAGES}/batch"
OF_RATE = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
OF_QUOTA = {"Quota-Limit", "Quota-Remaining", "Quota-Reset"}


class Program(ApiClient):
    """With the key that `limits` bind."""

    def __init__(self, app: Flask, core: Core, *scopes: str, **limits: Any) -> None:
        made = core.services.api_keys.create("shop", scopes or ("send", "read"), limits=KeyLimits(**limits))
        super().__init__(app.test_client(), made.secret)
        self.secret = made.secret


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    yield server.server_port
    server.stop()


# requests a minute


def test_every_answer_says_how_many_requests_are_left(app: Flask, core: Core) -> None:
    program = Program(app, core, "read", requests_per_minute=6)  # one in ten seconds, which these together do not take

    answers = [program.get(MESSAGES), program.post(MESSAGES, letter()), program.get("/metrics")]

    assert [answer.status_code for answer in answers] == [200, 403, 200]
    assert [answer.headers["RateLimit-Limit"] for answer in answers] == ["6"] * 3
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["5", "4", "3"]
    assert [ceil(int(answer.headers["RateLimit-Reset"]) / 10) for answer in answers] == [1, 2, 3]


def test_too_many_requests_are_refused_with_the_time_to_wait(app: Flask, core: Core) -> None:
    program = Program(app, core, requests_per_minute=2)
    for _ in range(2):
        assert program.get(MESSAGES).status_code == 200

    answer = program.post(MESSAGES, letter())

    problem = problem_of(answer, 429, "rate_limited")
    assert "2 requests a minute" in problem["detail"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert answer.headers["RateLimit-Remaining"] == "0"


def test_key_without_limits_is_told_of_none(api: ApiClient, app: Flask, web_context: WebContext) -> None:
    for program in (api, ApiClient(app.test_client(), web_context.local_token)):
        answer = program.post(MESSAGES, letter())

        assert not (OF_RATE | OF_QUOTA) & set(answer.headers.keys())


def test_limits_of_the_configuration_hold_for_keys_without_their_own(
    app: Flask, core: Core, settings: Settings, web_context: WebContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = settings.limits.model_copy(update={"key_requests_per_minute": 100, "key_daily_messages": 7})
    monkeypatch.setattr(core.services.api_keys, "_limits", limits)
    monkeypatch.setattr(core.services.api_keys._known, "_limits", limits)

    plain, own = Program(app, core).post(MESSAGES, letter()), Program(app, core, daily_limit=9).post(MESSAGES, letter())
    box = ApiClient(app.test_client(), web_context.local_token).post(MESSAGES, letter())

    assert [one.headers["RateLimit-Limit"] for one in (plain, own)] == ["100", "100"]
    assert [one.headers["Quota-Limit"] for one in (plain, own)] == ["7", "9"]
    assert not (OF_RATE | OF_QUOTA) & set(box.headers.keys())


# messages a day


def test_answers_to_messages_say_how_many_are_left(app: Flask, core: Core) -> None:
    program = Program(app, core, daily_limit=5)

    single = program.post(MESSAGES, letter())
    several = program.post(BATCH, {"messages": [letter(), letter(to=["?"]), letter()]})

    assert (single.headers["Quota-Limit"], single.headers["Quota-Remaining"]) == ("5", "4")
    assert 0 < int(single.headers["Quota-Reset"]) <= 25 * 3600
    assert (several.status_code, several.headers["Quota-Remaining"]) == (202, "2")
    assert not OF_QUOTA & set(program.get(MESSAGES).headers.keys())


def test_message_above_the_quota_is_refused_until_midnight(app: Flask, core: Core) -> None:
    program = Program(app, core, daily_limit=1)
    post(program)

    single = program.post(MESSAGES, letter())
    several = program.post(BATCH, {"messages": [letter(), letter()]})

    for answer in (single, several):
        problem_of(answer, 429, "quota_used_up")
        assert (answer.headers["Quota-Limit"], answer.headers["Quota-Remaining"]) == ("1", "0")
        assert answer.headers["Retry-After"] == answer.headers["Quota-Reset"]
        assert 0 < int(answer.headers["Retry-After"]) <= 25 * 3600
    assert len(ids(program)) == 1


def test_what_is_not_accepted_is_not_counted(app: Flask, core: Core) -> None:
    program = Program(app, core, daily_limit=1)

    assert program.post(f"{MESSAGES}?dry_run=true", letter()).status_code == 200
    assert program.post(MESSAGES, letter(to=["?"])).status_code == 422
    assert program.post(MESSAGES, letter(account="acc_none")).status_code == 422
    first = program.post(MESSAGES, letter(), headers={"Idempotency-Key": "order-1"})
    replay = program.post(MESSAGES, letter(), headers={"Idempotency-Key": "order-1"})

    assert (first.status_code, first.headers["Quota-Remaining"]) == (202, "0")
    assert (replay.status_code, replay.headers["Idempotent-Replay"]) == (202, "true")


def test_of_fifty_posts_at_once_exactly_as_many_as_the_quota_are_accepted(app: Flask, core: Core, port: int) -> None:
    program = Program(app, core, daily_limit=20)
    statuses: Counter[int] = Counter()

    def send() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Authorization": f"Bearer {program.secret}", "Content-Type": "application/json"}
        connection.request("POST", MESSAGES, json.dumps(letter()), headers)
        statuses[connection.getresponse().status] += 1

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == {202: 20, 429: 30}
    assert len(ids(program, "limit=200")) == 20


# whom from, and through which account


def test_from_that_the_key_may_not_use_is_refused_with_those_that_it_may(app: Flask, core: Core) -> None:
    program = Program(app, core, allowed_from=("shop@example.com", "@example.org"))

    for fields in ({"from": "eve@example.net"}, {}):
        problem = problem_of(program.post(MESSAGES, letter(**fields)), 403, "not_allowed")
        assert [(one["field"], one["code"]) for one in problem["errors"]] == [("from", "not_allowed")]
        assert "shop@example.com, @example.org" in problem["errors"][0]["message"]
    assert program.post(MESSAGES, letter(**{"from": "Ann <ann@example.org>"})).status_code == 202


def test_dry_run_and_batch_refuse_it_as_well(app: Flask, core: Core) -> None:
    program = Program(app, core, allowed_from=("shop@example.com", "@example.org"))
    foreign, own = letter(**{"from": "eve@example.net"}), letter(**{"from": "shop@example.com"})

    problem_of(program.post(f"{MESSAGES}?dry_run=true", foreign), 403, "not_allowed")
    problem_of(program.post(BATCH, {"messages": [foreign]}), 403, "not_allowed")
    mixed = program.post(BATCH, {"messages": [foreign, own]})

    assert mixed.status_code == 202
    error = mixed.get_json()["results"][0]["error"]
    assert (error["code"], error["status"], error["errors"][0]["field"]) == ("not_allowed", 403, "from")


def test_only_address_is_taken_where_none_is_named(app: Flask, core: Core) -> None:
    program = Program(app, core, allowed_from=("shop@example.com",))

    message = program.get(f"{MESSAGES}/{post(program)}").get_json()

    assert message["from"] == {"email": "shop@example.com", "name": ""}


def test_account_that_the_key_may_not_use_is_refused(app: Flask, core: Core) -> None:
    program = Program(app, core, allowed_accounts=(BUILT_IN_MAILBOX_ID,))

    problem = problem_of(program.post(MESSAGES, letter(account="acc_other")), 403, "not_allowed")

    assert [one["field"] for one in problem["errors"]] == ["account"]
    assert BUILT_IN_MAILBOX_ID in problem["errors"][0]["message"]
    assert program.post(MESSAGES, letter(account=BUILT_IN_MAILBOX_ID)).status_code == 202


# wrong keys


def test_keys_cannot_be_guessed_at_speed(client: FlaskClient, app: Flask, core: Core, settings: Settings) -> None:
    at_work, newcomer = Program(app, core), Program(app, core)
    assert at_work.get(MESSAGES).status_code == 200
    for number in range(settings.limits.failed_keys_per_minute):
        headers = {"Authorization": f"Bearer pr_guess_{number}"}
        problem_of(client.get(MESSAGES, headers=headers), 401, "unauthenticated")

    answer = client.get(MESSAGES, headers={"Authorization": "Bearer pr_guess"})

    problem_of(answer, 429, "too_many_failures")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    problem_of(newcomer.get(MESSAGES), 429, "too_many_failures")
    assert at_work.get(MESSAGES).status_code == 200
    problem_of(client.get(MESSAGES), 401, "unauthenticated")  # no key is no guess


def test_other_addresses_are_not_held_up(client: FlaskClient, app: Flask, core: Core, settings: Settings) -> None:
    program = Program(app, core)
    for _ in range(settings.limits.failed_keys_per_minute + 1):
        client.get(MESSAGES, headers={"Authorization": "Bearer pr_guess"})

    answer = program.get(MESSAGES, environ_base={"REMOTE_ADDR": "192.0.2.7"})

    assert answer.status_code == 200
