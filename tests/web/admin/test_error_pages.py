"""Errors have a page for people and a problem for programs."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.errors import StorageUnavailable

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def failing(app: Flask, error: Exception) -> None:
    def fail() -> str:
        raise error

    app.view_functions["sign_in.show"] = fail


def test_a_browser_gets_a_page(client: FlaskClient) -> None:
    answer = client.get("/nowhere", headers=BROWSER)

    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")
    assert "There is nothing here" in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


@pytest.mark.parametrize("headers", [{}, {"Accept": "*/*"}, {"Accept": "application/json"}])
def test_a_program_gets_a_problem(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get("/nowhere", headers=headers)

    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "not_found"


def test_the_api_never_answers_with_a_page(client: FlaskClient) -> None:
    assert client.get("/api/v1/messages", headers=BROWSER).content_type == "application/problem+json"


def test_a_fault_of_ours_says_so_and_gives_nothing_away(app: Flask, client: FlaskClient) -> None:
    failing(app, RuntimeError("the secret of the box"))

    answer = client.get("/sign-in", headers=BROWSER)

    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text
    assert "the secret of the box" not in answer.text


def test_a_full_disk_says_what_would_mend_it(app: Flask, alice: FlaskClient) -> None:
    failing(app, StorageUnavailable("The disk is full."))

    answer = alice.get("/sign-in", headers=BROWSER)

    assert answer.status_code == 503
    assert "Make room on the disk" in answer.text
    assert answer.headers["Retry-After"] == "5"


def test_a_fault_while_asking_who_is_signed_in_still_gets_its_page(
    app: Flask, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session_id: str) -> None:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(app.login_manager, "_user_callback", broken)  # type: ignore[attr-defined]

    answer = alice.get("/", headers=BROWSER)

    assert answer.status_code == 500
    assert "Something went wrong here" in answer.text


def test_a_form_that_was_open_too_long_says_what_to_do(alice: FlaskClient) -> None:
    answer = alice.post("/keys", data={"csrf_token": "old"}, headers=BROWSER)

    assert answer.status_code == 400
    assert "Go back, load the page anew" in answer.text


def test_a_wrong_method_leads_back_to_the_pages(client: FlaskClient) -> None:
    answer = client.get("/sign-out", headers=BROWSER)

    assert answer.status_code == 405
    assert "use the buttons of the pages" in answer.text


def test_a_redirect_is_no_error(client: FlaskClient) -> None:
    assert client.get("/flower", headers=BROWSER).status_code == 308
