"""What the list of messages can be asked for, and what it says of what it does not understand."""

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import SenderAccount
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import jobs
from tests.web.admin.conftest import Submit
from tests.web.conftest import submit


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=invoice", True),
        ("q=INVOICE", True),
        ("q=other", False),
        ("recipient=ann", True),
        ("recipient=bob@example.com", False),
        ("status=queued", True),
        ("status=failed", False),
        ("tag=shop", True),
        ("tag=none", False),
        ("account=acc_mailbox", False),
        ("since=2020-01-01T00:00", True),
        ("until=2020-01-01T00:00", False),
        ("subject=invoice", True),
        ("subject=other", False),
        ("reason=refused", False),
        ("status=queued,failed", True),
        ("status=failed,held", False),
        ("q=100%25", False),
    ],
)
def test_filters_find_what_fits(alice: FlaskClient, submit_message: Submit, query: str, found: bool) -> None:
    message_id = submit_message(subject="Your invoice", tags=("shop",))

    page = alice.get(f"/messages?{query}").text

    assert (message_id in page) is found
    assert ("No message fits" in page) is not found


def test_filters_stay_in_the_form(alice: FlaskClient) -> None:
    page = alice.get('/messages?q="><b>&status=held&since=2026-11-24T08:00').text

    assert 'value="&#34;&gt;&lt;b&gt;"' in page
    assert '<option value="held" selected>' in page
    assert 'value="2026-11-24T08:00"' in page


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-11-24T08:00", "2026-11-24T08:00"),
        ("2026-11-24T08:00:05.5%2B01:00", "2026-11-24T07:00:05"),
        ("2026-11-24", "2026-11-24T00:00"),
    ],
)
def test_a_time_stands_in_its_field_as_browsers_take_it(alice: FlaskClient, given: str, shown: str) -> None:
    page = alice.get(f"/messages?since={given}").text

    assert f'name="since" type="datetime-local" step="1" value="{shown}"' in page


@pytest.mark.parametrize(
    ("query", "hint", "kept"),
    [
        ("status=foo", "There is no such state.", '<option value="foo" selected>foo</option>'),
        ("status=failed,foo", "queued, sending, deferred", '<option value="failed,foo" selected>Failed, foo</option>'),
        ("reason=because", "There is no such reason.", '<option value="because" selected>'),
        ("since=yesterdayish", "such as 2026-11-24T08:00", 'type="text" value="yesterdayish"'),
        ("until=0001-01-01T00:00%2B14:00", "This is no time.", 'type="text" value="0001-01-01T00:00+14:00"'),
        ("account=acc_nobody", "There is no sender account with this id.", '<option value="acc_nobody" selected>'),
        ("key=key_nobody", "There is no API key with this id.", '<option value="key_nobody" selected>'),
        ("template=nope", "There is no such template.", 'type="search" value="nope"'),
    ],
)
def test_what_is_not_understood_is_said_kept_and_not_guessed_at(
    alice: FlaskClient, submit_message: Submit, query: str, hint: str, kept: str
) -> None:
    message_id = submit_message()

    answer = alice.get(f"/messages?{query}")

    name = query.partition("=")[0]
    assert answer.status_code == 422
    assert "Nothing was looked for: a filter is not understood." in answer.text
    assert f'id="{name}-error"' in answer.text
    assert hint in answer.text
    assert kept in answer.text
    assert message_id not in answer.text


def test_what_names_a_deleted_account_is_understood(alice: FlaskClient, core: Core) -> None:
    def delete(session: object) -> None:
        session.get(SenderAccount, BUILT_IN_MAILBOX_ID).deleted_at = utc_now()  # type: ignore[attr-defined]

    core.database.write(delete)

    answer = alice.get(f"/messages?account={BUILT_IN_MAILBOX_ID}")

    assert answer.status_code == 200
    assert "No message fits these filters." in answer.text


def test_nothing_is_done_to_all_that_match_what_is_not_understood(
    alice: FlaskClient, core: Core, submit_message: Submit
) -> None:
    submit_message()
    wanted = {"action": "cancel", "scope": "all", "status": "foo"}

    review = alice.get("/messages/bulk", query_string=wanted)
    start = submit(alice, "/messages/bulk", wanted)
    export = alice.get("/messages/export.csv?status=foo")
    total = alice.get("/messages/count?status=foo")

    assert [one.headers["Location"] for one in (review, start, export)] == ["/messages?status=foo"] * 3
    assert total.status_code == 422
    with core.database.read() as session:
        assert jobs.page(session)[0] == []
