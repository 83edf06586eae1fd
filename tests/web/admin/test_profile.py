"""What is a person's own: password, second factor, sessions."""

import re

import gevent
import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.services.second_factor import RECOVERY_CODES
from appliance.services.sign_in_throttle import SignInThrottle
from appliance.services.throttle import FREE_TRIES
from tests.fakes import FakeTimer
from tests.web.conftest import PASSWORD, filled_in, sign_in, submit

NEW = {"current": PASSWORD, "new": "a better password", "repeated": "a better password"}


def change_password(browser: FlaskClient, **changes: str) -> TestResponse:
    return submit(browser, "/profile/password", NEW | changes, form_at="/profile/password")


@pytest.fixture
def timer(core: Core, monkeypatch: pytest.MonkeyPatch) -> FakeTimer:
    """The clock of the second factor."""
    timer = FakeTimer()
    timer.seconds = 1_800_000_000.0
    monkeypatch.setattr(core.services.second_factor, "_timer", timer)
    return timer


def switch_on(browser: FlaskClient, timer: FakeTimer) -> tuple[str, list[str]]:
    """The secret, as a person types it, and the recovery codes. The code that was used is past."""
    page = browser.get("/profile/second-factor").text
    secret = re.findall(r'id="totp-secret"[^>]*>([^<]+)<', page)[0].replace(" ", "")
    answer = submit(
        browser,
        "/profile/second-factor",
        {"code": code(secret, timer), "current": PASSWORD},
        form_at="/profile/second-factor",
    )
    timer.seconds += 300
    return secret, re.findall(r"<li><code>([a-z2-7-]+)</code>", answer.text)


def code(secret: str, timer: FakeTimer) -> str:
    return pyotp.TOTP(secret).at(int(timer.seconds))


def test_the_password_is_changed_by_who_knows_the_old_one(app: Flask, alice: FlaskClient) -> None:
    answer = change_password(alice)

    assert answer.headers["Location"] == "/profile"
    assert "password is changed" in alice.get("/profile").text
    assert sign_in(app.test_client(), "alice", "a better password").status_code == 302
    assert sign_in(app.test_client(), "alice", PASSWORD).status_code == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"current": "not the password"}, "current"),
        ({"new": "short", "repeated": "short"}, "new"),
        ({"repeated": "another one"}, "repeated"),
        ({"new": PASSWORD, "repeated": PASSWORD}, "new"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(alice: FlaskClient, changes: dict[str, str], field: str) -> None:
    answer = change_password(alice, **changes)

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text


def test_a_new_password_ends_the_other_sessions_and_renews_this_one(app: Flask, alice: FlaskClient) -> None:
    other = app.test_client()
    sign_in(other, "alice", PASSWORD)
    with alice.session_transaction() as session:
        stolen = session["_user_id"]

    change_password(alice)

    assert other.get("/").status_code == 302
    assert alice.get("/").status_code == 200
    thief = app.test_client()
    with thief.session_transaction() as session:
        session["_user_id"] = stolen
    assert thief.get("/").status_code == 302


def with_the_cookie_of(browser: FlaskClient, app: Flask) -> FlaskClient:
    """The same browser, to which an answer that is still on its way has brought nothing."""
    twin = app.test_client()
    with browser.session_transaction() as session, twin.session_transaction() as of_twin:
        of_twin.update(session)
    return twin


def test_a_new_password_that_is_sent_twice_ends_on_the_own_page(app: Flask, alice: FlaskClient) -> None:
    """A browser drops the answer to the first press, and with it the new session token."""
    form = filled_in(alice, "/profile/password", NEW)
    pressed_again = with_the_cookie_of(alice, app)
    alice.post("/profile/password", data=form)

    answer = pressed_again.post("/profile/password", data=form)

    assert answer.headers["Location"] == "/profile"
    assert "password is changed" in pressed_again.get("/profile").text
    assert alice.get("/profile").status_code == 200  # it is the same session, whichever answer comes last
    assert sign_in(app.test_client(), "alice", NEW["new"]).status_code == 302


def test_so_does_one_whose_first_answer_is_not_there_yet(app: Flask, alice: FlaskClient) -> None:
    form = filled_in(alice, "/profile/password", NEW)
    browsers = [alice, *(with_the_cookie_of(alice, app) for _ in range(2))]

    several = [gevent.spawn(browser.post, "/profile/password", data=form) for browser in browsers]
    gevent.joinall(several, raise_error=True)

    assert [one.value.headers["Location"] for one in several] == ["/profile"] * 3
    assert [browser.get("/profile").status_code for browser in browsers] == [200] * 3


def test_the_old_cookie_alone_is_worth_nothing_after_that(app: Flask, alice: FlaskClient) -> None:
    form = filled_in(alice, "/profile/password", NEW)
    thief = with_the_cookie_of(alice, app)
    of_the_thief = filled_in(thief, "/profile/password", NEW)
    alice.post("/profile/password", data=form)

    for fields in (of_the_thief, form | {"once": ""}):
        assert thief.post("/profile/password", data=fields).headers["Location"].startswith("/sign-in")
    assert thief.get("/profile").status_code == 302


def test_recovery_codes_are_shown_again_when_the_form_was_sent_twice(
    app: Flask, alice: FlaskClient, timer: FakeTimer
) -> None:
    """They are shown once, and a browser shows the answer to the last press."""
    page = alice.get("/profile/second-factor").text
    secret = re.findall(r'id="totp-secret"[^>]*>([^<]+)<', page)[0].replace(" ", "")
    form = filled_in(alice, "/profile/second-factor", {"code": code(secret, timer), "current": PASSWORD})
    pressed_again = with_the_cookie_of(alice, app)

    pages = [browser.post("/profile/second-factor", data=form).text for browser in (alice, pressed_again)]

    first, second = (re.findall(r"<li><code>([a-z2-7-]+)</code>", page) for page in pages)
    assert first == second
    assert len(first) == RECOVERY_CODES
    assert pressed_again.get("/profile").status_code == 200


def test_a_second_factor_that_is_removed_twice_ends_on_the_own_page(
    app: Flask, alice: FlaskClient, timer: FakeTimer
) -> None:
    switch_on(alice, timer)
    form = filled_in(alice, "/profile", {"current": PASSWORD})
    pressed_again = with_the_cookie_of(alice, app)

    answers = [browser.post("/profile/second-factor/remove", data=form) for browser in (alice, pressed_again)]

    assert [one.headers["Location"] for one in answers] == ["/profile", "/profile"]
    assert pressed_again.get("/profile").status_code == 200


def test_guessing_at_an_open_browser_is_slowed_down(alice: FlaskClient, app: Flask) -> None:
    app.extensions["postroom_sign_in_throttle"] = SignInThrottle(FakeTimer())
    for _ in range(FREE_TRIES):
        change_password(alice, current="a guess at it")

    answer = change_password(alice)

    assert answer.status_code == 422
    assert "Too many tries" in answer.text


def test_a_second_factor_is_asked_for_once_it_is_confirmed(
    alice: FlaskClient, client: FlaskClient, timer: FakeTimer
) -> None:
    secret, recovery = switch_on(alice, timer)
    assert len(recovery) == RECOVERY_CODES
    assert alice.get("/profile").status_code == 200

    answer = sign_in(client, "alice", PASSWORD, next="/messages")
    assert answer.headers["Location"] == "/sign-in/code"
    assert client.get("/").status_code == 302  # the password alone opens nothing
    answer = submit(client, "/sign-in/code", {"code": code(secret, timer)}, form_at="/sign-in/code")
    assert answer.headers["Location"] == "/messages"
    assert client.get("/").status_code == 200


def test_the_picture_for_the_app_comes_with_the_page(alice: FlaskClient) -> None:
    assert '<img src="data:image/svg+xml' in alice.get("/profile/second-factor").text


def test_a_wrong_code_switches_nothing_on(alice: FlaskClient, client: FlaskClient, timer: FakeTimer) -> None:
    alice.get("/profile/second-factor")

    answer = submit(
        alice, "/profile/second-factor", {"code": "000000", "current": PASSWORD}, form_at="/profile/second-factor"
    )

    assert answer.status_code == 422
    assert sign_in(client, "alice", PASSWORD).headers["Location"] == "/"


def test_whoever_finds_an_open_browser_cannot_switch_one_on(alice: FlaskClient, timer: FakeTimer) -> None:
    page = alice.get("/profile/second-factor").text
    secret = re.findall(r'id="totp-secret"[^>]*>([^<]+)<', page)[0].replace(" ", "")
    fields = {"code": code(secret, timer), "current": "a guess at it"}

    answer = submit(alice, "/profile/second-factor", fields, form_at="/profile/second-factor")

    assert answer.status_code == 422
    assert 'id="current-error"' in answer.text
    assert "Set up a second factor" in alice.get("/profile").text


def test_a_recovery_code_lets_in_once(app: Flask, alice: FlaskClient, timer: FakeTimer) -> None:
    _, recovery = switch_on(alice, timer)

    for expected in (302, 401):
        browser = app.test_client()
        sign_in(browser, "alice", PASSWORD)
        answer = submit(browser, "/sign-in/code", {"code": recovery[0]}, form_at="/sign-in/code")
        assert answer.status_code == expected


def test_guessing_at_codes_is_slowed_down_from_all_addresses_together(
    app: Flask, alice: FlaskClient, timer: FakeTimer
) -> None:
    secret, _ = switch_on(alice, timer)
    app.extensions["postroom_sign_in_throttle"] = SignInThrottle(FakeTimer())
    for number in range(FREE_TRIES):
        browser = app.test_client()
        browser.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        sign_in(browser, "alice", PASSWORD)
        assert submit(browser, "/sign-in/code", {"code": "1"}, form_at="/sign-in/code").status_code == 401

    browser = app.test_client()
    sign_in(browser, "alice", PASSWORD)
    answer = submit(browser, "/sign-in/code", {"code": code(secret, timer)}, form_at="/sign-in/code")

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_half_way_in_is_worth_nothing_after_the_password_was_changed(
    alice: FlaskClient, client: FlaskClient, timer: FakeTimer
) -> None:
    secret, _ = switch_on(alice, timer)
    sign_in(client, "alice", PASSWORD)

    change_password(alice)

    answer = submit(client, "/sign-in/code", {"code": code(secret, timer)}, form_at="/sign-in/code")
    assert answer.status_code in (302, 400)
    assert client.get("/").status_code == 302


def test_the_page_for_the_code_is_for_who_gave_a_password(client: FlaskClient, alice: FlaskClient) -> None:
    assert client.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_the_second_factor_is_removed_and_codes_are_made_with_the_password_only(
    alice: FlaskClient, client: FlaskClient, timer: FakeTimer
) -> None:
    switch_on(alice, timer)
    for path in ("/profile/second-factor/remove", "/profile/recovery-codes"):
        refused = submit(alice, path, {"current": "a guess at it"}, form_at="/profile")
        assert refused.status_code == 422
        assert "not your current password" in refused.text

    made = submit(alice, "/profile/recovery-codes", {"current": PASSWORD}, form_at="/profile")
    assert len(re.findall(r"<li><code>", made.text)) == RECOVERY_CODES
    submit(alice, "/profile/second-factor/remove", {"current": PASSWORD}, form_at="/profile")
    assert sign_in(client, "alice", PASSWORD).headers["Location"] == "/"


def test_sessions_are_listed_and_ended(app: Flask, alice: FlaskClient) -> None:
    other = app.test_client()
    other.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    other.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Safari/604.1"
    sign_in(other, "alice", PASSWORD)

    page = alice.get("/profile").text
    assert "Safari, iPhone" in page
    assert "192.0.2.7" in page
    [path] = re.findall(r"/profile/sessions/ses_[a-z0-9]+/end", page)
    submit(alice, path, {}, form_at="/profile")

    assert other.get("/").status_code == 302
    assert alice.get("/").status_code == 200


def test_sign_out_everywhere_means_here_too(app: Flask, alice: FlaskClient) -> None:
    other = app.test_client()
    sign_in(other, "alice", PASSWORD)

    submit(alice, "/profile/sessions/end-all", {}, form_at="/profile")

    assert alice.get("/").status_code == other.get("/").status_code == 302


def test_the_others_are_signed_out(app: Flask, alice: FlaskClient) -> None:
    other = app.test_client()
    sign_in(other, "alice", PASSWORD)

    submit(alice, "/profile/sessions/end-others", {}, form_at="/profile")

    assert (alice.get("/").status_code, other.get("/").status_code) == (200, 302)
