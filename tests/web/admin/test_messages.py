"""The list of messages, and the page of one."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import DeliveryAttempt, Message, MessageAttachment
from appliance.db.queries import message_search, messages
from appliance.services.intake import Address
from appliance.web.admin.messages import PAGE
from tests.factories import account_form
from tests.web.admin.conftest import Submit
from tests.web.conftest import submit

NOW = datetime(2026, 11, 24, 8, 0, 5, tzinfo=UTC)


def set_state(core: Core, message_id: str, **values: object) -> None:
    def write(session: Session) -> None:
        message = session.get(Message, message_id)
        for name, value in values.items():
            setattr(message, name, value)

    core.database.write(write)


def state_of(core: Core, message_id: str) -> str | None:
    with core.database.read() as session:
        return messages.status_of(session, message_id)


def test_without_messages_the_page_says_what_to_do(alice: FlaskClient) -> None:
    assert "No message has come in yet." in alice.get("/messages").text


def test_the_newest_message_comes_first(alice: FlaskClient, submit_message: Submit) -> None:
    submit_message(subject="earlier")
    submit_message(subject="later")

    page = alice.get("/messages").text

    assert page.index("later") < page.index("earlier")


def test_reason_that_only_repeats_the_state_is_left_out(alice: FlaskClient, core: Core, submit_message: Submit) -> None:
    set_state(core, submit_message(), status="suppressed", reason="suppressed")
    assert 'title="Suppressed"' not in alice.get("/messages").text

    set_state(core, submit_message(), status="failed", reason="expired")
    assert 'title="Expired"' in alice.get("/messages").text


def test_paging_reaches_every_message_once(alice: FlaskClient, submit_message: Submit) -> None:
    ids = [submit_message(subject=f"number {number}") for number in range(PAGE + 3)]
    seen: list[str] = []
    path = "/messages?q=number"

    while path:
        page = alice.get(path).text
        seen += [one for one in reversed(ids) if f"/messages/{one}" in page]
        path = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        submit_message(subject="a number that comes in meanwhile")

    assert seen == ids[::-1]


def test_the_way_back_leads_to_the_same_page(alice: FlaskClient, submit_message: Submit) -> None:
    ids = [submit_message(subject=f"number {number}") for number in range(3 * PAGE)]
    second = linked(alice.get("/messages?q=number").text, "next")
    third = linked(alice.get(second).text, "next")
    submit_message(subject="a number that comes in meanwhile")

    back = linked(alice.get(third).text, "prev")

    page = alice.get(back).text
    assert [one for one in ids[::-1] if f'href="/messages/{one}"' in page] == ids[2 * PAGE - 1 : PAGE - 1 : -1]
    assert 'name="q" type="search" value="number"' in page


def linked(page: str, rel: str) -> str:
    return page.partition(f'rel="{rel}" href="')[2].partition('"')[0].replace("&amp;", "&")


def test_page_on_which_nothing_fits_leads_on_where_there_is_more(
    alice: FlaskClient, submit_message: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", 2)
    wanted = submit_message(subject="zz")
    for _ in range(3):
        submit_message(subject="Hello")

    page = alice.get("/messages?q=zz").text
    older = page.partition("looked at so far")[2].partition('href="')[2].partition('"')[0].replace("&amp;", "&")

    assert wanted not in page
    assert wanted in alice.get(older).text


def test_a_message_explains_itself(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    core.services.sender_accounts.pause(core.services.sender_accounts.create(account_form()))
    message_id = submit_message()
    set_state(core, message_id, status="held", reason="paused")

    assert "Every sender account that could take it is paused" in alice.get(f"/messages/{message_id}").text


def test_the_page_shows_each_attempt(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    attempt = DeliveryAttempt(
        message_id=message_id,
        number=1,
        claim_id="clm_1",
        account_id="acc_mailbox",
        account_name="Relay",
        server="mx.example.com",
        stage="RCPT",
        outcome="deferred",
        reply_code=451,
        reply_text="4.7.1 <greylisted>",
        started_at=NOW,
        duration_ms=1234,
    )
    core.database.write(lambda session: session.add(attempt))

    page = alice.get(f"/messages/{message_id}").text

    assert "Temporary failure" in page
    assert "mx.example.com" in page
    assert "<code>451</code> 4.7.1 &lt;greylisted&gt;" in page
    assert "1\u202f234 ms" in page
    assert "2026-11-24 08:00:05" in page


def test_the_page_shows_what_came_with_the_message(alice: FlaskClient, submit_message: Submit) -> None:
    message_id = submit_message(
        bcc=(Address("hidden@example.com"),), headers={"X-Shop": "yes"}, metadata={"order": [1, 2]}, tags=("shop",)
    )

    page = alice.get(f"/messages/{message_id}").text

    for part in ("hidden@example.com", "X-Shop", "order (metadata)", "[1, 2]", "req_test"):
        assert part in page


def test_the_page_shows_when_a_message_is_to_go(alice: FlaskClient, submit_message: Submit) -> None:
    tomorrow = utc_now() + timedelta(days=1)
    message = submit_message(send_at=tomorrow, expires_at=tomorrow + timedelta(hours=1))

    page = alice.get(f"/messages/{message}").text

    assert "as its sender asked" in page
    assert "<dt>To be sent at</dt>" in page
    assert "<dt>Expires</dt>" in page


def test_an_expired_message_does_not_offer_a_retry(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message = submit_message()
    set_state(core, message, status="failed", reason="expired", due_at=None, expires_at=NOW - timedelta(days=9999))

    page = alice.get(f"/messages/{message}").text

    assert "before it could be sent" in page
    assert "Retry now" not in page


def test_the_page_names_the_attachments(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    row = MessageAttachment(
        message_id=message_id, filename="terms.pdf", content_type="application/pdf", size=1536, sha256="0" * 64
    )
    core.database.write(lambda session: session.add(row))

    page = alice.get(f"/messages/{message_id}").text

    assert "terms.pdf" in page
    assert "1.5 KiB" in page


def test_html_is_shown_in_a_frame_that_nothing_gets_out_of(alice: FlaskClient, submit_message: Submit) -> None:
    message_id = submit_message(html="<script>alert(1)</script><img src=http://tracker.example>")

    page = alice.get(f"/messages/{message_id}").text
    answer = alice.get(f"/messages/{message_id}/html")

    assert f'<iframe class="mail" sandbox title="The HTML of this message" src="/messages/{message_id}/html">' in page
    assert "alert(1)" not in page
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:;")
    assert "allow" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_a_message_that_is_not_there_is_a_404_page(alice: FlaskClient) -> None:
    answer = alice.get("/messages/msg_none", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


def test_cancel_asks_once_and_cancels(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()

    answer = submit(alice, f"/messages/{message_id}/cancel", {}, form_at=f"/messages/{message_id}")

    page = alice.get(answer.headers["Location"]).text
    assert "The message is cancelled." in page
    assert f"/messages/{message_id}/cancel" not in page
    assert state_of(core, message_id) == "cancelled"


def test_retry_queues_a_failed_message(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="failed", reason="refused", due_at=None)

    submit(alice, f"/messages/{message_id}/retry", {}, form_at=f"/messages/{message_id}")

    assert state_of(core, message_id) == "queued"


def test_a_message_that_has_moved_on_says_so(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="sent", due_at=None)

    answer = submit(alice, f"/messages/{message_id}/cancel", {})

    assert "sent already" in alice.get(answer.headers["Location"]).text


def test_a_finished_message_offers_nothing_and_rests(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="sent", due_at=None)

    page = alice.get(f"/messages/{message_id}").text

    assert "/retry" not in page
    assert "/cancel" not in page
    assert "live.js" not in page


def test_a_test_message_goes_the_way_of_every_message(alice: FlaskClient, core: Core) -> None:
    answer = submit(alice, "/messages/test", {"to": "ann@example.com"}, form_at="/messages")

    message_id = urlsplit(answer.headers["Location"]).path.rpartition("/")[2]
    assert state_of(core, message_id) == "queued"
    assert "ann@example.com" in alice.get(answer.headers["Location"]).text


def test_a_second_press_sends_no_second_test_message(alice: FlaskClient) -> None:
    pressed = {"to": "ann@example.com", "once": "token of the form"}

    first = submit(alice, "/messages/test", pressed, form_at="/messages")
    second = submit(alice, "/messages/test", pressed, form_at="/messages")
    other = submit(alice, "/messages/test", pressed | {"to": "bob@example.com"}, form_at="/messages")

    assert first.headers["Location"] == second.headers["Location"]
    assert "this form has sent one already" in alice.get(other.headers["Location"]).text


def test_a_test_message_to_no_address_is_refused_with_the_remedy(alice: FlaskClient) -> None:
    answer = submit(alice, "/messages/test", {"to": "ann at home"}, form_at="/messages")

    page = alice.get(answer.headers["Location"]).text
    assert "No test message was sent" in page
    assert "Write ann@example.com" in page
