"""A new session token is given once more to who sends the same form twice: for a minute, and to nobody else."""

from datetime import timedelta

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.web.admin import renewal
from appliance.web.context import WebContext
from tests.web.conftest import PASSWORD, MakePerson, sign_in, submit

FORM = {"once": "of this form"}


@pytest.fixture
def noted(app: Flask) -> Flask:
    with app.test_request_context(method="POST", data=FORM):
        renewal.note("old", "new", ("shown",))
    return app


def test_the_old_token_with_the_same_form_gives_the_new_one(noted: Flask) -> None:
    with noted.test_request_context(method="POST", data=FORM):
        found = renewal.of_this_form("old")

    assert found is not None
    assert (found.token, found.shown) == ("new", ("shown",))


@pytest.mark.parametrize(
    ("form", "token"), [({}, "old"), ({"once": ""}, "old"), ({"once": "of another"}, "old"), (FORM, "new"), (FORM, "")]
)
def test_anything_else_gives_nothing(noted: Flask, form: dict[str, str], token: str) -> None:
    with noted.test_request_context(method="POST", data=form):
        assert renewal.of_this_form(token) is None


def test_a_form_without_a_token_of_its_own_is_not_known_again(app: Flask) -> None:
    with app.test_request_context(method="POST", data={}):
        renewal.note("old", "new", ())

        assert renewal.of_this_form("old") is None


def test_after_a_minute_it_is_over(noted: Flask, web_context: WebContext) -> None:
    object.__setattr__(web_context, "clock", lambda: utc_now() + timedelta(minutes=1))

    with noted.test_request_context(method="POST", data=FORM):
        assert renewal.of_this_form("old") is None


def test_only_the_latest_are_kept(noted: Flask) -> None:
    for number in range(renewal.MOST_KEPT):
        with noted.test_request_context(method="POST", data={"once": str(number)}):
            renewal.note("old", "new", ())

    with noted.test_request_context(method="POST", data=FORM):
        assert renewal.of_this_form("old") is None


def change_password(browser: FlaskClient, new: str) -> TestResponse:
    fields = {"current": PASSWORD, "new": new, "repeated": new}
    return submit(browser, "/profile/password", fields, form_at="/profile/password")


def test_whoever_changes_a_password_keeps_nobody_else_waiting(
    alice: FlaskClient, make_person: MakePerson, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, change = make_person("bob", "operator"), core.services.own_password.change
    at_work, go_on = Event(), Event()

    def slow_for_alice(user_id: str, *passwords: str, session_id: str) -> None:
        if user_id == "usr_alice":
            at_work.set()
            assert go_on.wait(timeout=60)
        change(user_id, *passwords, session_id=session_id)

    monkeypatch.setattr(core.services.own_password, "change", slow_for_alice)
    of_alice = gevent.spawn(change_password, alice, "a better one")
    assert at_work.wait(timeout=60)

    of_bob = gevent.spawn(change_password, bob, "a better one")
    of_bob.join(timeout=20)
    bob_is_done, alice_is_done = of_bob.ready(), of_alice.ready()
    go_on.set()
    gevent.joinall([of_alice, of_bob], timeout=60, raise_error=True)

    assert (bob_is_done, alice_is_done) == (True, False)
    assert [one.value.headers["Location"] for one in (of_alice, of_bob)] == ["/profile"] * 2


def test_of_two_new_passwords_at_the_same_time_one_is_taken(app: Flask, alice: FlaskClient) -> None:
    elsewhere = app.test_client()
    sign_in(elsewhere, "alice", PASSWORD)
    wanted = ["the one from here", "the one from there"]

    changes = [
        gevent.spawn(change_password, browser, new) for browser, new in zip((alice, elsewhere), wanted, strict=True)
    ]
    gevent.joinall(changes, timeout=60, raise_error=True)

    opens = [sign_in(app.test_client(), "alice", one).status_code == 302 for one in wanted]
    said = [one.value.headers.get("Location") == "/profile" for one in changes]
    assert sorted(opens) == [False, True]
    assert said == opens
    assert sign_in(app.test_client(), "alice", PASSWORD).status_code != 302
