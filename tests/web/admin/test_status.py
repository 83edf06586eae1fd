"""The status page tells what is wrong."""

from datetime import timedelta

from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import SenderAccount
from appliance.health import Health, Status
from appliance.services.sender_accounts import AccountForm
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import add_account, post, send_all
from tests.web.conftest import ApiClient, Parts


def test_components_show_their_state_and_what_they_say(alice: FlaskClient, parts: Parts) -> None:
    since = utc_now() - timedelta(minutes=3)
    parts.health = [Health("scheduler", Status.FAILED, "boom <b>", since=since, restarts=2)]

    page = alice.get("/").text

    assert "Scheduler: not running." in page
    assert "boom &lt;b&gt;" in page
    assert "Restarts: 2" in page
    assert "for 3 min" in page


def test_a_broken_monitor_does_not_alarm(alice: FlaskClient, parts: Parts) -> None:
    parts.health = [Health("worker", Status.RUNNING), Health("monitor", Status.FAILED, "port in use")]

    assert "Mail flows all the same" in alice.get("/").text


def test_counts_lead_to_the_messages(alice: FlaskClient, api: ApiClient) -> None:
    api.post("/api/v1/messages", {"to": ["ann@example.com"], "subject": "s", "text": "t"})

    page = alice.get("/").text

    assert 'href="/messages?status=queued"' in page
    assert "<strong>1</strong>" in page
    assert "oldest: " in page


def test_while_only_the_mailbox_takes_mail_the_page_says_so(alice: FlaskClient) -> None:
    assert "Nothing leaves this box yet" in alice.get("/").text


def test_with_an_smtp_account_it_no_longer_says_so(alice: FlaskClient, core: Core) -> None:
    core.services.sender_accounts.create(AccountForm("Relay", "a@example.com", host="smtp.example.com"))

    assert "Nothing leaves this box yet" not in alice.get("/").text


def test_an_account_shows_its_quota_and_its_last_error(alice: FlaskClient, core: Core) -> None:
    account_id = core.services.sender_accounts.create(
        AccountForm("Relay", "a@example.com", host="smtp.example.com", daily_limit=500)
    )
    now = utc_now()
    core.database.write(
        lambda session: SenderAccount.trip(
            session, account_id, known_failures=0, now=now, rest=timedelta(minutes=5), error="535 wrong password"
        )
    )

    page = alice.get("/").text

    assert "0 of 500 today" in page
    assert "Rests after an error" in page
    assert "535 wrong password" in page


def test_the_next_runs_stand_in_the_zone_of_the_appliance(alice: FlaskClient, parts: Parts) -> None:
    parts.next_runs = {"reset_email_daily_counts": utc_now(), "unknown_key": None}

    page = alice.get("/").text

    assert "Close the day of the sender accounts" in page
    assert "unknown_key" in page
    assert "not planned" in page


def test_flower_is_linked(alice: FlaskClient) -> None:
    assert 'href="/flower/"' in alice.get("/").text


def test_the_page_refreshes_itself(alice: FlaskClient) -> None:
    page = alice.get("/").text

    assert 'id="live" data-refresh-seconds="5"' in page
    assert "/static/js/live.js" in page


def test_the_last_24_hours_are_drawn(alice: FlaskClient, api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    sink.reply("RCPT", "550 5.1.1 no", when=lambda line: "bad" in line)
    post(api)
    post(api, to=["bad@example.com"])
    post(api, to=["ann@example.com", "bad@example.com"])
    send_all(core)
    core.event_log.turn()

    page = alice.get("/").text

    assert 'aria-label="1 sent and 2 failed in the last 24 hours"' in page
    assert page.count('<rect class="ground"') == 24
    assert page.count('<rect class="sent"') >= 1
    assert "Success <strong>33.3 %</strong>" in page
    assert "style=" not in page.partition("<svg")[2].partition("</svg>")[0]


def test_without_a_message_the_hours_are_empty(alice: FlaskClient) -> None:
    page = alice.get("/").text

    assert 'aria-label="0 sent and 0 failed in the last 24 hours"' in page
    assert '<rect class="sent"' not in page
    assert "Success" not in page
