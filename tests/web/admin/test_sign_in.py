"""Signing in and out."""

import re
import secrets

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from appliance.bootstrap import Core
from appliance.db.models import User
from appliance.db.queries import audit
from appliance.db.queries.audit import AuditFilters
from appliance.errors import StorageUnavailable
from appliance.services.sign_in_throttle import FAILURES_OF_ADDRESS, SignInThrottle
from appliance.services.throttle import FREE_TRIES
from appliance.services.users import NOBODY
from tests.fakes import FakeTimer
from tests.web.conftest import PASSWORD, sign_in, submit

pytestmark = pytest.mark.usefixtures("alice")


def test_the_right_password_opens_the_pages(client: FlaskClient) -> None:
    answer = sign_in(client, "Alice", PASSWORD)

    assert answer.headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(client: FlaskClient) -> None:
    wrong = sign_in(client, "alice", "not her password")
    unknown = sign_in(client, "nobody", "not her password")

    assert wrong.status_code == unknown.status_code == 401
    assert "Name or password is wrong" in wrong.text
    assert _comparable(wrong.text, "alice") == _comparable(unknown.text, "nobody")
    assert client.get("/").status_code == 302


def test_sign_in_leads_back_to_the_page_that_was_asked_for(client: FlaskClient) -> None:
    asked = client.get("/messages?status=held")

    assert asked.headers["Location"] == "/sign-in?next=/messages?status%3Dheld"
    answer = sign_in(client, "alice", PASSWORD, next="/messages?status=held")
    assert answer.headers["Location"] == "/messages?status=held"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "javascript:",
    ],
)
def test_sign_in_never_leads_to_another_site(client: FlaskClient, wanted: str) -> None:
    assert sign_in(client, "alice", PASSWORD, next=wanted).headers["Location"] == "/"


def test_guessing_is_slowed_down(client: FlaskClient, app: Flask) -> None:
    app.extensions["postroom_sign_in_throttle"] = SignInThrottle(FakeTimer())  # a slow machine is no patient guesser
    for _ in range(FREE_TRIES):
        sign_in(client, "alice", "a guess of somebody")

    answer = sign_in(client, "alice", PASSWORD)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Too many tries" in answer.text


def test_guessing_at_one_name_does_not_slow_another_one_down(client: FlaskClient) -> None:
    for _ in range(FREE_TRIES + 1):
        sign_in(client, "bob", "a guess of somebody")

    assert sign_in(client, "alice", PASSWORD).status_code == 302


def test_guessing_with_ever_new_names_is_slowed_down_as_well(client: FlaskClient, app: Flask, core: Core) -> None:
    app.extensions["postroom_sign_in_throttle"] = SignInThrottle(FakeTimer())
    for number in range(FAILURES_OF_ADDRESS):
        sign_in(client, f"name{number}", "a guess of somebody")

    answer = sign_in(client, "yet another one", "a guess of somebody")

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    with core.database.read() as session:
        noted, _ = audit.page(session, AuditFilters(action="user.sign_in_failed"), limit=1000)
    assert len(noted) == FAILURES_OF_ADDRESS


def test_mistakes_before_the_right_password_are_forgotten(client: FlaskClient, app: Flask) -> None:
    for _ in range(2):
        for _ in range(FREE_TRIES - 1):
            sign_in(client, "alice", "mistyped it again")
        assert sign_in(client, "alice", PASSWORD).status_code == 302
        client = app.test_client()


def test_a_session_from_before_is_not_carried_over(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"

    sign_in(client, "alice", PASSWORD)

    with client.session_transaction() as session:
        assert "planted" not in session


def test_sign_out_shuts_the_pages(client: FlaskClient) -> None:
    sign_in(client, "alice", PASSWORD)

    answer = submit(client, "/sign-out", {})

    assert answer.headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 302


def test_sign_out_needs_the_token_of_the_page(client: FlaskClient) -> None:
    sign_in(client, "alice", PASSWORD)

    assert client.post("/sign-out").status_code == 400
    assert client.get("/").status_code == 200


def test_a_new_password_signs_out_everywhere(client: FlaskClient, core: Core) -> None:
    sign_in(client, "alice", PASSWORD)

    core.services.users.reset_password("alice", "another password")

    assert client.get("/").status_code == 302


def test_the_session_cookie_is_out_of_reach_of_scripts(client: FlaskClient) -> None:
    cookie = sign_in(client, "alice", PASSWORD).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires=" in cookie


def test_very_long_input_is_refused_like_any_wrong_one(client: FlaskClient) -> None:
    assert sign_in(client, "x" * 100_000, "y" * 100_000).status_code == 401


def _comparable(page: str, name: str) -> str:
    """Without the name, and without the token of the form, which has the time in it."""
    return re.sub(r'(name="csrf_token"[^>]*value=")[^"]*', r"\1", page.replace(name, ""))


def test_a_name_that_no_database_takes_is_refused_like_any_wrong_one(client: FlaskClient) -> None:
    assert sign_in(client, "ali\0ce", PASSWORD).status_code == 401


def test_a_disabled_user_gets_the_answer_of_a_wrong_password(client: FlaskClient, core: Core) -> None:
    core.database.write(lambda session: session.query(User).update({"active": False}))

    answer = sign_in(client, "alice", PASSWORD)

    assert answer.status_code == 401
    assert "Name or password is wrong" in answer.text


def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(app: Flask, client: FlaskClient) -> None:
    """Whoever sets a cookie in somebody's browser before the sign-in is not signed in by it."""
    client.get("/sign-in")
    planted = client.get_cookie("postroom_session")
    assert planted is not None

    sign_in(client, "alice", PASSWORD)

    thief = app.test_client()
    thief.set_cookie("postroom_session", planted.value)
    assert thief.get("/").status_code == 302
    assert client.get("/").status_code == 200


def test_sign_out_ends_the_session_also_for_who_has_copied_the_cookie(app: Flask, client: FlaskClient) -> None:
    sign_in(client, "alice", PASSWORD)
    copied = client.get_cookie("postroom_session")
    assert copied is not None
    submit(client, "/sign-out", {})

    thief = app.test_client()
    thief.set_cookie("postroom_session", copied.value)

    assert thief.get("/").status_code == 302


def test_a_full_disk_keeps_nobody_out(client: FlaskClient, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(core.database, "write", refuse)

    assert sign_in(client, "alice", PASSWORD).status_code == 302
    assert client.get("/profile").status_code == 200


def test_on_a_full_disk_a_recovery_code_says_what_to_do_and_is_not_used_up(
    client: FlaskClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = core.services.second_factor.offer("usr_alice")
    [good, *_] = core.services.second_factor.confirm("usr_alice", pyotp.TOTP(secret).now())
    sign_in(client, "alice", PASSWORD)

    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(core.database, "write", refuse)
        refused = submit(client, "/sign-in/code", {"code": good}, form_at="/sign-in/code")
    accepted = submit(client, "/sign-in/code", {"code": good}, form_at="/sign-in/code")

    assert (refused.status_code, accepted.status_code) == (503, 302)
    assert "It is not used up" in refused.text
    assert 'id="code"' in refused.text  # the code of the app can be given on the same page


def test_where_to_go_next_never_makes_the_cookie_too_large_for_a_browser(client: FlaskClient, core: Core) -> None:
    """A browser throws such a cookie away, and nobody with a second factor would come in by that link."""
    secret = core.services.second_factor.offer("usr_alice")
    core.services.second_factor.confirm("usr_alice", pyotp.TOTP(secret).now())
    wanted = "/" + secrets.token_urlsafe(6000)

    answer = sign_in(client, "alice", PASSWORD, next=wanted)

    assert answer.headers["Location"] == "/sign-in/code"
    assert max(len(one) for one in answer.headers.getlist("Set-Cookie")) < 4096


def test_a_password_in_the_field_of_the_name_is_not_kept(client: FlaskClient, core: Core, app: Flask) -> None:
    app.extensions["postroom_sign_in_throttle"] = SignInThrottle(FakeTimer())
    with capture_logs() as logged:
        for name in (PASSWORD, "alice"):
            for _ in range(FREE_TRIES + 1):
                sign_in(client, name, "a guess of somebody")

    with core.database.read() as session:
        noted, _ = audit.page(session, AuditFilters(action="user.sign_in_failed"), limit=1000)
    assert {one.detail["name"] for one in noted} == {NOBODY, "alice"}
    assert "sign-in refused: too many tries" in [line["event"] for line in logged]
    assert {line["user"] for line in logged} == {NOBODY, "alice"}
