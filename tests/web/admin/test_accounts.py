"""Sender accounts, set up by a person."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.db.models import SenderAccount
from appliance.db.queries import accounts
from appliance.services.sender_accounts import AccountForm
from tests.smtp_sink import SmtpSink
from tests.web.conftest import submit

FORM = {
    "name": "Relay",
    "email": "noreply@example.com",
    "transport": "smtp",
    "host": "smtp.example.com",
    "port": "",
    "security": "tls",
    "username": "noreply",
    "password": "a secret",
    "daily_limit": "500",
    "priority": "10",
    "active": "y",
}


@pytest.fixture
def relay(core: Core) -> str:
    form = AccountForm("Relay", "a@example.com", host="smtp.example.com", username="a", password="a secret")
    return core.services.sender_accounts.create(form)


def stored(core: Core, account_id: str) -> SenderAccount:
    with core.database.read() as session:
        account = accounts.one(session, account_id)
    assert account is not None
    return account


def test_an_account_is_created_with_the_usual_port(alice: FlaskClient, core: Core) -> None:
    answer = submit(alice, "/accounts/new", FORM, form_at="/accounts/new")

    account = stored(core, answer.headers["Location"].rpartition("/")[2])
    assert (account.port, account.daily_limit, account.priority, account.active) == (465, 500, 10, True)
    assert "Test it now" in alice.get(answer.headers["Location"]).text


def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(alice: FlaskClient) -> None:
    answer = submit(alice, "/accounts/new", FORM | {"email": "nobody", "port": "99999"}, form_at="/accounts/new")

    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert 'id="port-error"' in answer.text
    assert 'value="smtp.example.com"' in answer.text
    assert "a secret" not in answer.text


def test_a_text_where_a_number_belongs_is_refused(alice: FlaskClient) -> None:
    answer = submit(alice, "/accounts/new", FORM | {"daily_limit": "many"}, form_at="/accounts/new")

    assert answer.status_code == 422
    assert 'id="daily_limit-error"' in answer.text


def test_an_empty_password_keeps_the_stored_one(alice: FlaskClient, core: Core, relay: str) -> None:
    before = stored(core, relay).password_encrypted

    submit(
        alice, f"/accounts/{relay}/edit", FORM | {"password": "", "name": "New name"}, form_at=f"/accounts/{relay}/edit"
    )

    account = stored(core, relay)
    assert account.name == "New name"
    assert account.password_encrypted == before


def test_the_form_shows_what_is_set_and_never_the_password(alice: FlaskClient, relay: str) -> None:
    page = alice.get(f"/accounts/{relay}/edit").text

    assert 'value="smtp.example.com"' in page
    assert "the stored one is kept" in page
    assert "a secret" not in page


def test_pause_and_resume(alice: FlaskClient, core: Core, relay: str) -> None:
    submit(alice, f"/accounts/{relay}/pause", {}, form_at=f"/accounts/{relay}")
    paused = stored(core, relay).active
    submit(alice, f"/accounts/{relay}/resume", {}, form_at=f"/accounts/{relay}")

    assert (paused, stored(core, relay).active) == (False, True)


def test_delete_removes_it_from_the_list(alice: FlaskClient, relay: str) -> None:
    answer = submit(alice, f"/accounts/{relay}/delete", {}, form_at=f"/accounts/{relay}")

    assert relay not in alice.get(answer.headers["Location"]).text
    assert alice.get(f"/accounts/{relay}").status_code == 404


def test_the_built_in_mailbox_cannot_be_deleted(alice: FlaskClient) -> None:
    page = alice.get("/accounts/acc_mailbox").text
    answer = submit(alice, "/accounts/acc_mailbox/delete", {})

    assert "/accounts/acc_mailbox/delete" not in page
    assert "cannot be deleted" in alice.get(answer.headers["Location"]).text


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


def test_a_test_shows_the_conversation_with_the_server(alice: FlaskClient, core: Core, sink: SmtpSink) -> None:
    form = AccountForm("Relay", "a@example.com", host="127.0.0.1", port=sink.port, security="none")
    account_id = core.services.sender_accounts.create(form)

    page = submit(alice, f"/accounts/{account_id}/test", {"to": "ann@example.com"}).text

    assert "It works" in page
    assert "EHLO" in page
    assert "accepted a test message for ann@example.com" in page


def test_a_test_that_fails_says_why(alice: FlaskClient, core: Core) -> None:
    form = AccountForm("Relay", "a@example.com", host="127.0.0.1", port=1, security="none")
    account_id = core.services.sender_accounts.create(form)

    page = submit(alice, f"/accounts/{account_id}/test", {}).text

    assert "It does not work" in page
    assert "Cannot connect" in page


def test_a_test_to_no_address_says_so(alice: FlaskClient, relay: str) -> None:
    assert "is not an e-mail address" in submit(alice, f"/accounts/{relay}/test", {"to": "nobody"}).text
