"""The first run: one person, one link."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config import setup_link
from appliance.db.queries import access, audit
from appliance.db.queries.audit import AuditFilters
from appliance.program import PROGRAM
from tests.web.conftest import submit

GOOD = {"name": "alice", "password": "a long password", "repeated": "a long password"}


@pytest.fixture
def links(core: Core) -> list[str]:
    """The tokens that the log was told, the latest last."""
    told: list[str] = []
    core.services.setup.begin(told.append)
    return told


def fill_in(client: FlaskClient, token: str, **changes: str) -> TestResponse:
    return submit(client, "/setup", {**GOOD, "token": token, **changes}, form_at=f"/setup?token={token}")


def test_the_link_makes_the_first_user_and_signs_in(client: FlaskClient, links: list[str]) -> None:
    answer = fill_in(client, links[0])

    assert answer.headers["Location"] == "/welcome/place"
    assert "Postroom is set up" in client.get("/welcome/place").text


def test_while_nobody_can_sign_in_every_page_says_where_the_link_is(client: FlaskClient, links: list[str]) -> None:
    for path in ("/", "/sign-in", "/messages"):
        answer = client.get(path, follow_redirects=True)

        assert "in the log of the appliance" in answer.text
        assert f"{PROGRAM} user add" in answer.text
        assert f"{PROGRAM} user setup-link" in answer.text


def test_commands_are_named_as_this_machine_calls_them(
    app: Flask, client: FlaskClient, links: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.jinja_env.globals, "program", "python3 run.py")

    pending = client.get("/setup").text
    fill_in(client, links[0])
    pages = [client.get(path).text for path in ("/about", "/backups", "/settings")]

    for page in (pending, *pages):
        assert "<code>python3 run.py " in page
        assert "python run.py" not in page


def test_a_wrong_link_is_refused(client: FlaskClient, links: list[str]) -> None:
    answer = client.get("/setup?token=wrong")

    assert answer.status_code == 403
    assert "does not work" in answer.text
    assert "password" not in answer.text


def test_a_wrong_token_in_the_form_makes_nobody(client: FlaskClient, links: list[str], core: Core) -> None:
    answer = submit(client, "/setup", {**GOOD, "token": "wrong"}, form_at=f"/setup?token={links[0]}")

    assert answer.status_code == 403
    assert not core.services.users.exist()


def test_an_expired_link_is_replaced_by_a_new_one_in_the_log(
    client: FlaskClient, links: list[str], core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.services.setup, "_clock", lambda: utc_now() + timedelta(hours=1))

    answer = client.get(f"/setup?token={links[0]}")

    assert "expired" in answer.text
    assert len(links) == 2
    assert fill_in(client, links[1]).status_code == 302


def test_what_is_wrong_stands_beside_its_field(client: FlaskClient, links: list[str], core: Core) -> None:
    different = fill_in(client, links[0], repeated="another one")
    short = fill_in(client, links[0], password="short", repeated="short")

    assert different.status_code == short.status_code == 422
    assert "The two passwords differ" in different.text
    assert 'id="repeated-error"' in different.text
    assert 'id="password-error"' in short.text
    assert not core.services.users.exist()


def test_a_password_is_never_sent_back(client: FlaskClient, links: list[str]) -> None:
    assert "a long password" not in fill_in(client, links[0], repeated="another one").text


def test_the_link_works_once(client: FlaskClient, links: list[str]) -> None:
    fill_in(client, links[0])

    again = client.get(f"/setup?token={links[0]}")

    assert again.headers["Location"] == "/sign-in"


def test_a_link_that_the_command_line_made_works_too(client: FlaskClient, links: list[str], core: Core) -> None:
    setup_link.leave(core.data_dir.path, "a token of the command line", utc_now() + timedelta(minutes=5))

    assert fill_in(client, "a token of the command line").headers["Location"] == "/welcome/place"
    assert not setup_link.opens(core.data_dir.path, "a token of the command line", utc_now())


def test_the_first_user_may_do_everything_and_is_told_of_as_the_doing_of_the_link(
    client: FlaskClient, links: list[str], core: Core
) -> None:
    fill_in(client, links[0])

    with core.database.read() as session:
        [user] = access.users(session)
        noted, _ = audit.page(session, AuditFilters(action="user.created"), limit=5)
    assert user.role == "administrator"
    assert [one.actor_name for one in noted] == ["the setup link"]
