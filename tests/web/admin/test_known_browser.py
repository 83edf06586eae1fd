"""A browser in which somebody has signed in before is known by a cookie that nobody else can make."""

from flask import Flask
from flask.testing import FlaskClient

from appliance.services.sign_in_throttle import FAILURES_OF_NAME, SignInThrottle
from appliance.web.admin import known_browser
from tests.fakes import FakeTimer
from tests.web.conftest import PASSWORD, sign_in, submit


def test_a_crowd_that_guesses_does_not_keep_the_person_out(app: Flask, alice: FlaskClient) -> None:
    own = app.test_client()
    sign_in(own, "alice", PASSWORD)
    submit(own, "/sign-out", {}, form_at="/profile")
    throttle = app.extensions["postroom_sign_in_throttle"] = SignInThrottle(FakeTimer())
    for number in range(FAILURES_OF_NAME):
        throttle.refused(f"198.51.100.{number}", "alice")

    assert sign_in(app.test_client(), "alice", PASSWORD).status_code == 429
    assert sign_in(own, "alice", PASSWORD).status_code == 302


def test_the_cookie_is_out_of_reach_of_scripts_and_sent_to_sign_in_only(
    client: FlaskClient, alice: FlaskClient
) -> None:
    cookies = sign_in(client, "alice", PASSWORD).headers.getlist("Set-Cookie")

    [cookie] = [one for one in cookies if one.startswith(known_browser.COOKIE)]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/sign-in" in cookie


def test_a_cookie_of_somebody_else_or_made_up_is_worth_nothing(app: Flask) -> None:
    with app.test_request_context():
        answer = app.response_class()
        known_browser.remember(answer, "alice")
        value = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]

    def known(cookie: str, name: str) -> str:
        with app.test_request_context(headers={"Cookie": f"{known_browser.COOKIE}={cookie}"}):
            return known_browser.of(name)

    assert known(value, " Alice ")
    assert not known(value, "bob")
    assert not known(value[:-2], "alice")
    assert not known("made.up", "alice")
