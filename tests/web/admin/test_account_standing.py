"""How an account stands must not contradict what its last test came to."""

import re

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.queries import accounts
from appliance.services.account_trials import TrialState
from appliance.services.sender_accounts import AccountForm
from tests.waiting import wait_until
from tests.web.conftest import submit


@pytest.fixture
def unreachable(core: Core) -> str:
    form = AccountForm("Relay", "a@example.com", host="127.0.0.1", port=1, security="none")
    return core.services.sender_accounts.create(form)


def standing(page: str) -> str:
    """What the card of an account, or its page, says of how it stands now."""
    found = re.search(r'<span class="state [a-z]*">([^<]*)</span>', page.partition("account-card")[2] or page)
    return found[1] if found is not None else ""


def test_an_account_whose_last_test_failed_is_not_called_ready(alice: FlaskClient, unreachable: str) -> None:
    tested = submit(alice, f"/accounts/{unreachable}/test", {}).text
    later, cards = alice.get(f"/accounts/{unreachable}").text, alice.get("/accounts").text

    assert [standing(page) for page in (tested, later, cards)] == ["Last test failed"] * 3
    for page in (later, cards):
        assert "Cannot connect" in page
        assert "The server cannot be reached." in page
    assert "Messages are still given to this account" in later


def test_a_test_that_fails_changes_nothing_about_where_mail_goes(
    alice: FlaskClient, core: Core, unreachable: str
) -> None:
    submit(alice, f"/accounts/{unreachable}/test", {})

    with core.database.read() as session:
        account = accounts.one(session, unreachable)
    assert account is not None
    assert (account.breaker_until, account.breaker_failures, account.active) == (None, 0, True)
    assert account.state(utc_now(), "2026-01-01") == "ready"


def test_an_account_that_was_changed_after_a_failed_test_is_ready_to_be_tried(
    alice: FlaskClient, core: Core, unreachable: str
) -> None:
    submit(alice, f"/accounts/{unreachable}/test", {})

    core.services.sender_accounts.change(unreachable, {"host": "smtp.example.com"})

    assert standing(alice.get(f"/accounts/{unreachable}").text) == "Ready"


def test_a_paused_account_stays_paused_and_tells_of_its_test(alice: FlaskClient, core: Core, unreachable: str) -> None:
    core.services.sender_accounts.pause(unreachable)

    submit(alice, f"/accounts/{unreachable}/test", {})

    page = alice.get(f"/accounts/{unreachable}").text
    assert standing(page) == "Paused"
    assert "failed." in page
    assert "Messages are still given to this account" not in page


def test_an_account_that_was_added_in_spite_of_its_test_says_so(alice: FlaskClient, core: Core) -> None:
    form = AccountForm("Relay", "a@example.com", host="127.0.0.1", port=1, security="none")
    trials = core.services.account_trials
    trial_id = trials.begin(form)
    wait_until(lambda: trials.look(trial_id).state is TrialState.BAD)

    account_id = trials.keep(trial_id)

    assert standing(alice.get(f"/accounts/{account_id}").text) == "Last test failed"
