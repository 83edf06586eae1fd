"""Sender accounts, set up by a person."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import AccountDay, SenderAccount, User
from appliance.db.queries import accounts
from appliance.services import provider_presets
from appliance.services.permission import Role
from appliance.services.sender_accounts import AccountForm
from tests.smtp_sink import SmtpSink
from tests.web.conftest import filled_in, submit

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

    assert "That did not work." in page
    assert "Cannot connect" in page
    assert "many block port 25" in page
    assert "Nothing: there was no connection." in page


def test_a_test_whose_login_is_refused_says_what_this_provider_takes(
    alice: FlaskClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the trial of the first run does."""
    gmail = provider_presets.by_key("gmail")
    monkeypatch.setattr(provider_presets, "PRESETS", (replace(gmail, host="127.0.0.1"), *provider_presets.PRESETS))
    with SmtpSink(users={"shop": "right"}) as sink:
        form = AccountForm(
            "Relay",
            "a@example.com",
            host="127.0.0.1",
            port=sink.port,
            security="none",
            username="shop",
            password="wrong",
        )
        account_id = core.services.sender_accounts.create(form)

        page = submit(alice, f"/accounts/{account_id}/test", {}).text

    assert "535" in page
    assert "An app password of 16 letters" in page
    assert "https://myaccount.google.com/apppasswords" in page
    assert f'href="/accounts/{account_id}/edit">Change the details' in page


def test_an_account_that_is_added_twice_is_there_once(alice: FlaskClient, core: Core) -> None:
    form = filled_in(alice, "/accounts/new", FORM)

    for _ in range(2):
        assert alice.post("/accounts/new", data=form).status_code == 302

    with core.database.read() as session:
        assert [one.name for one in accounts.by_priority(session) if one.transport == "smtp"] == ["Relay"]


def test_a_test_to_no_address_says_so(alice: FlaskClient, relay: str) -> None:
    assert "is not an e-mail address" in submit(alice, f"/accounts/{relay}/test", {"to": "nobody"}).text


def order(page: str, *names: str) -> list[str]:
    """Of the cards."""
    return sorted(names, key=lambda name: page.index(f">{name}</a></h2>"))


def test_an_account_is_moved_up_and_down_without_a_script(alice: FlaskClient, core: Core, relay: str) -> None:
    other = core.services.sender_accounts.create(AccountForm("Second", "b@example.com", host="smtp.example.com"))
    assert order(alice.get("/accounts").text, "Relay", "Second") == ["Relay", "Second"]

    submit(alice, f"/accounts/{other}/move", {"direction": "up"}, form_at="/accounts")
    up = order(alice.get("/accounts").text, "Relay", "Second")
    submit(alice, f"/accounts/{other}/move", {"direction": "down"}, form_at="/accounts")

    assert up == ["Second", "Relay"]
    assert order(alice.get("/accounts").text, "Relay", "Second") == ["Relay", "Second"]


def test_the_built_in_mailbox_stays_at_the_end(alice: FlaskClient, core: Core, relay: str) -> None:
    submit(alice, "/accounts/acc_mailbox/move", {"direction": "up"}, form_at="/accounts")
    submit(alice, f"/accounts/{relay}/move", {"direction": "down"}, form_at="/accounts")

    assert stored(core, "acc_mailbox").priority == -1000
    assert stored(core, relay).priority == 0


def test_a_preset_fills_the_form_without_a_script(alice: FlaskClient) -> None:
    page = alice.get("/accounts/new?preset=gmail").text

    assert 'value="smtp.gmail.com"' in page
    assert 'value="587"' in page
    assert 'href="/accounts/new?preset=gmail" aria-current="true"' in page
    assert "An app password of 16 letters" in page


@pytest.mark.parametrize("path", ["/accounts/new?preset=163", "/welcome/account?preset=163"])
def test_a_daily_limit_of_a_preset_is_called_a_suggestion(alice: FlaskClient, path: str) -> None:
    page = alice.get(path).text

    assert "a suggestion to begin with: what you may send depends on your plan, so check it there." in page.lower()


def test_a_preset_that_there_is_not_is_a_server_of_ones_own(alice: FlaskClient) -> None:
    page = alice.get("/accounts/new?preset=pigeon").text

    assert 'href="/accounts/new?preset=custom" aria-current="true"' in page


def test_days_before_are_drawn(alice: FlaskClient, core: Core, relay: str) -> None:
    day = (utc_now() - timedelta(days=2)).date().isoformat()
    core.database.write(lambda session: session.add(AccountDay(account_id=relay, day=day, sent=70)))

    page = alice.get(f"/accounts/{relay}").text

    assert 'aria-label="70 messages in 31 days"' in page
    assert f'<tr><td>{day}</td><td class="number">70</td></tr>' in page


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("smtp.example.com refused the login: 535 5.7.8 no", "Many providers want an app password"),
        ("The name smtp.example.com cannot be resolved: no.", "No server is known by that name."),
        ("Cannot connect to smtp.example.com:25: timed out.", "many block port 25"),
        ("The certificate of smtp.example.com is not trusted: expired.", "cannot prove who it is"),
        ("smtp.example.com refused STARTTLS: 454 no", "do not agree on the encryption"),
    ],
)
def test_the_last_error_is_said_in_plain_words_and_as_it_was(
    alice: FlaskClient, core: Core, relay: str, error: str, words: str
) -> None:
    now, rest = utc_now(), timedelta(minutes=5)
    core.database.write(
        lambda session: SenderAccount.trip(session, relay, known_failures=0, now=now, rest=rest, error=error)
    )

    page = alice.get("/accounts").text

    assert words in page
    assert error in page


def test_who_may_only_look_is_offered_no_changes(alice: FlaskClient, core: Core, relay: str) -> None:
    core.database.write(lambda session: setattr(session.get_one(User, "usr_alice"), "role", Role.VIEWER))

    pages = alice.get("/accounts").text + alice.get(f"/accounts/{relay}").text

    assert "Relay" in pages
    assert "/pause" not in pages
    assert "/accounts/new" not in pages
