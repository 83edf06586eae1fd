"""Where the page of a message leads to what its explanation advises, and what it says of a retry that leads nowhere."""

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.db.models.suppression import SuppressionSource
from appliance.services.intake import Address
from tests.factories import account_form
from tests.web.admin.conftest import Submit
from tests.web.admin.test_messages import set_state

PRIMARY = '<summary class="btn btn-primary" role="button">Retry</summary>'
PLAIN = '<summary class="btn btn-plain" role="button">Retry</summary>'
WARNING = "To addresses that are suppressed nothing is sent"


def suppress(core: Core, *addresses: str) -> None:
    for address in addresses:
        core.services.suppressions.add(address, source=SuppressionSource.MANUAL)


def note(page: str) -> str:
    return page.partition('<div class="note ')[2].partition("</div>")[0]


def test_a_suppressed_message_leads_to_its_suppression_and_warns_of_a_retry(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    suppress(core, "ann@example.com")

    page = alice.get(f"/messages/{submit_message()}").text

    assert 'href="/suppressions?q=ann@example.com"' in note(page)
    assert PLAIN in page
    assert WARNING in page


def test_a_recipient_whose_domain_is_suppressed_leads_to_the_domain(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    suppress(core, "example.com")

    page = alice.get(f"/messages/{submit_message()}").text

    assert 'href="/suppressions?q=example.com"' in note(page)
    assert "The suppression of example.com" in note(page)


def test_many_suppressions_are_linked_as_one(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    addresses = [f"ann{number}@example.com" for number in range(4)]
    suppress(core, *addresses)

    page = alice.get(f"/messages/{submit_message(to=tuple(map(Address, addresses)))}").text

    assert 'href="/suppressions"' in note(page)
    assert "?q=" not in note(page)


def test_a_suppression_that_is_gone_leaves_the_retry_as_the_way_on(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    suppress(core, "ann@example.com")
    message_id = submit_message()
    core.services.suppressions.remove("ann@example.com")

    page = alice.get(f"/messages/{message_id}").text

    assert "None of its recipients is suppressed any more: retry it to send it." in note(page)
    assert PRIMARY in page
    assert WARNING not in page


def test_a_retry_that_reaches_somebody_stays_the_way_on_and_warns(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    suppress(core, "ann@example.com")
    message_id = submit_message(to=(Address("ann@example.com"), Address("bob@example.com")))
    set_state(core, message_id, status="deferred", reason="temporary")

    page = alice.get(f"/messages/{message_id}").text

    assert PRIMARY in page
    assert WARNING in page


def test_a_message_without_suppressed_recipients_says_nothing_of_them(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    suppress(core, "bob@example.com")
    message_id = submit_message()
    set_state(core, message_id, status="failed", reason="exhausted", due_at=None)

    page = alice.get(f"/messages/{message_id}").text

    assert "/suppressions?q=" not in page
    assert PRIMARY in page
    assert WARNING not in page


@pytest.mark.parametrize(("status", "reason"), [("held", "paused"), ("deferred", "account_error")])
def test_a_message_that_waits_for_the_account_it_asked_for_leads_there(
    alice: FlaskClient, submit_message: Submit, core: Core, status: str, reason: str
) -> None:
    account = core.services.sender_accounts.create(account_form(name="Spare"))
    message_id = submit_message(account=account)
    set_state(core, message_id, status=status, reason=reason)

    page = alice.get(f"/messages/{message_id}").text

    assert f'<a href="/accounts/{account}">The sender account Spare</a>' in note(page)
    assert f'<a href="/accounts/{account}">Spare</a>' in page.partition("Asked for account")[2]


def test_a_message_that_waits_for_any_account_leads_to_all(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="held", reason="no_account", due_at=None)

    assert '<a href="/accounts">Sender accounts</a>' in note(alice.get(f"/messages/{message_id}").text)


def test_a_message_that_waits_for_no_account_leads_to_none(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="held", reason="kept_back", due_at=None)

    assert "/accounts" not in note(alice.get(f"/messages/{message_id}").text)
