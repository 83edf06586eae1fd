"""The pages on which administrators look after people."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.db.models import User
from appliance.db.queries import access
from tests.web.conftest import PASSWORD, MakePerson, filled_in, sign_in, submit


@pytest.fixture
def bob(make_person: MakePerson) -> FlaskClient:
    return make_person("bob", "operator")


def user(core: Core, name: str) -> User | None:
    with core.database.read() as session:
        return access.user_by_name(session, name)


def shown_password(page: str) -> str:
    return re.findall(r'id="password"[^>]*>([^<]+)<', page)[0]


def test_the_list_shows_everybody_with_role_and_state(alice: FlaskClient, bob: FlaskClient) -> None:
    page = alice.get("/users").text

    assert "bob" in page
    assert "Operator" in page
    assert "in 1 browser" in page


def signed_in(page: str) -> list[str]:
    """What is said of it, user by user: in the list, or on the page of one."""
    cells = re.findall(r'<td data-label="Signed in">(.*?)</td>|<dt>Signed in</dt><dd>(.*?)</dd>', page)
    return [listed or alone for listed, alone in cells]


def test_who_is_signed_in_nowhere_is_not_signed_in(alice: FlaskClient, bob: FlaskClient, app: Flask) -> None:
    sign_in(app.test_client(), "alice", PASSWORD)
    submit(alice, "/users/usr_bob/sign-out", {}, form_at="/users/usr_bob")

    assert signed_in(alice.get("/users").text) == ["in 2 browsers", "not signed in"]
    assert signed_in(alice.get("/users/usr_bob").text) == ["not signed in"]


def test_a_user_is_made_with_a_password_that_is_shown_once_and_must_be_changed(
    alice: FlaskClient, client: FlaskClient, core: Core
) -> None:
    answer = submit(alice, "/users/new", {"name": "dora", "role": "viewer", "password": ""}, form_at="/users/new")

    assert answer.status_code == 201
    password = shown_password(answer.text)
    assert password not in alice.get(f"/users/{user(core, 'dora').id}").text  # type: ignore[union-attr]
    assert sign_in(client, "dora", password).status_code == 302
    assert client.get("/").headers["Location"] == "/profile/password"
    submit(
        client,
        "/profile/password",
        {"current": password, "new": "a password of dora", "repeated": "a password of dora"},
        form_at="/profile/password",
    )
    assert client.get("/").status_code == 200


def test_a_given_password_is_not_shown(alice: FlaskClient, core: Core) -> None:
    fields = {"name": "dora", "role": "operator", "password": "given by alice"}

    answer = submit(alice, "/users/new", fields, form_at="/users/new")

    assert answer.status_code == 302
    dora = user(core, "dora")
    assert dora is not None
    assert dora.must_change_password


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"name": ""}, "name-error"),
        ({"name": "ALICE"}, "Choose another name"),
        ({"password": "short"}, "password-error"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(alice: FlaskClient, fields: dict[str, str], word: str) -> None:
    answer = submit(alice, "/users/new", {"name": "dora", "role": "viewer", **fields}, form_at="/users/new")

    assert answer.status_code == 422
    assert word in answer.text


def test_a_role_is_changed(alice: FlaskClient, bob: FlaskClient, core: Core) -> None:
    answer = submit(alice, "/users/usr_bob/role", {"role": "viewer"}, form_at="/users/usr_bob")

    assert answer.headers["Location"] == "/users/usr_bob"
    assert user(core, "bob").role == "viewer"  # type: ignore[union-attr]
    assert bob.get("/").status_code == 302


@pytest.mark.parametrize("action", ["role", "disable", "remove"])
def test_the_last_administrator_is_told_why_not(alice: FlaskClient, core: Core, action: str) -> None:
    submit(alice, f"/users/usr_alice/{action}", {"role": "viewer"}, form_at="/users/usr_alice")

    assert "Make somebody else an administrator first" in alice.get("/users/usr_alice").text
    assert user(core, "alice").role == "administrator"  # type: ignore[union-attr]


def buttons_off(page: str) -> list[str]:
    return re.findall(r'<button [^>]*disabled aria-describedby="last-why">([^<]+)<', page)


def test_the_last_administrator_is_not_offered_what_would_be_refused(
    alice: FlaskClient, bob: FlaskClient, core: Core
) -> None:
    del bob
    page = alice.get("/users/usr_alice").text

    assert buttons_off(page) == ["Change the role", "Disable", "Remove"]
    assert 'id="last-why"><strong>This is the last administrator who can sign in.' in page
    assert "/users/usr_alice/remove" not in page
    assert "/users/usr_bob/remove" in alice.get("/users/usr_bob").text
    core.services.user_changes.set_role("usr_bob", "administrator")
    assert "/users/usr_alice/remove" in alice.get("/users/usr_alice").text
    core.services.user_changes.disable("usr_bob")
    assert buttons_off(alice.get("/users/usr_alice").text) != []
    assert buttons_off(alice.get("/users/usr_bob").text) == []


def test_a_user_that_is_added_twice_says_how_to_get_at_the_password(alice: FlaskClient, core: Core) -> None:
    """It is shown once, and a browser shows the answer to the last press."""
    form = filled_in(alice, "/users/new", {"name": "dora", "role": "viewer", "password": ""})
    alice.post("/users/new", data=form)

    answer = alice.post("/users/new", data=form)

    assert answer.status_code == 409
    assert "open the user and reset it" in answer.text
    assert user(core, "dora") is not None


def test_a_reset_password_is_shown_once(alice: FlaskClient, bob: FlaskClient, client: FlaskClient, app: Flask) -> None:
    answer = submit(alice, "/users/usr_bob/password", {}, form_at="/users/usr_bob")

    assert bob.get("/").status_code == 302
    assert sign_in(client, "bob", shown_password(answer.text)).status_code == 302
    assert sign_in(app.test_client(), "bob", PASSWORD).status_code == 401


def test_disabled_enabled_signed_out_and_removed(alice: FlaskClient, bob: FlaskClient, core: Core) -> None:
    submit(alice, "/users/usr_bob/disable", {}, form_at="/users/usr_bob")
    assert bob.get("/").status_code == 302
    assert "Disabled" in alice.get("/users").text
    submit(alice, "/users/usr_bob/enable", {}, form_at="/users/usr_bob")
    assert bob.get("/").status_code == 302  # the session of before has ended
    submit(alice, "/users/usr_bob/sign-out", {}, form_at="/users/usr_bob")
    submit(alice, "/users/usr_bob/second-factor", {}, form_at="/users/usr_bob")
    answer = submit(alice, "/users/usr_bob/remove", {}, form_at="/users/usr_bob")

    assert answer.headers["Location"] == "/users"
    assert user(core, "bob") is None
    assert alice.get("/users/usr_bob").status_code == 404
