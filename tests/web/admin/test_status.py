"""The overview tells what is wrong."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import Alert, SenderAccount, User
from appliance.db.models.alert import AlertKind
from appliance.health import Health, Status
from appliance.histogram import MOMENTS, Histogram
from appliance.services.permission import Role
from appliance.services.sender_accounts import AccountForm
from appliance.web.app import serve
from appliance.web.context import WebContext
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import add_account, post, send_all
from tests.web.conftest import ApiClient, Parts, submit


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


def test_a_mailbox_that_takes_nothing_is_not_called_ready(alice: FlaskClient, core: Core) -> None:
    alone = accounts_on(alice.get("/").text)
    form = AccountForm("Relay", "a@example.com", host="smtp.example.com", active=False)
    core.services.sender_accounts.create(form)

    assert alone == {"Built-in mailbox": "Ready"}
    assert accounts_on(alice.get("/").text) == {"Relay": "Paused", "Built-in mailbox": "Only when asked for"}
    for page in ("/accounts", "/accounts/acc_mailbox"):
        assert "Only when asked for" in alice.get(page).text


def test_an_account_whose_last_test_failed_is_not_called_ready(alice: FlaskClient, core: Core) -> None:
    form = AccountForm("Relay", "a@example.com", host="127.0.0.1", port=1, security="none")
    account_id = core.services.sender_accounts.create(form)

    submit(alice, f"/accounts/{account_id}/test", {})

    assert accounts_on(alice.get("/").text)["Relay"] == "Last test failed"


def accounts_on(page: str) -> dict[str, str]:
    """The sender accounts of the overview, and how each stands."""
    section = page.partition('aria-labelledby="accounts-title"')[2].partition("</section>")[0]
    return dict(re.findall(r'<a class="main"[^>]*>([^<]*)</a>\s*<span class="state[^"]*">([^<]*)</span>', section))


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

    drawn = drawing(page, "hours")
    sent, partly, failed = (one["values"] for one in drawn["sets"])
    assert (len(drawn["labels"]), sum(sent), sum(partly), sum(failed)) == (24, 1, 1, 1)
    assert len(drawing(page, "days")["labels"]) == 30
    assert "Success <strong>33.3&nbsp;%</strong>" in page
    assert 'aria-label="Last 24 hours: 1 sent, 1 partially sent, 1 failed"' in page


def test_the_figures_of_a_chart_stand_in_a_table_too(alice: FlaskClient) -> None:
    table = alice.get("/").text.partition('id="hours-table"')[2].partition("</table>")[0]

    assert table.count("<tr><td>") == 24


def test_without_a_message_the_hours_are_empty(alice: FlaskClient) -> None:
    page = alice.get("/").text

    assert 'aria-label="Last 24 hours: 0 sent, 0 partially sent, 0 failed"' in page
    assert "Success" not in page


def test_the_machine_shows_its_disk_and_how_late_the_event_loop_is(alice: FlaskClient, web_context: WebContext) -> None:
    late = Histogram(MOMENTS)
    late.add(0.004)
    telemetry = replace(
        web_context.telemetry,
        gauges=lambda: {"hub_lag_seconds": 0.002, "delivery_slots": 8.0, "delivery_slots_used": 3.0},
        histograms=lambda: {"hub_heartbeat_delay_seconds": late},
    )
    serve(alice.application, replace(web_context, telemetry=telemetry))

    page = alice.get("/").text

    assert "free on the disk" in page
    assert "late by 2 ms" in page
    assert "99 % of the time by 5 ms at most" in page
    assert "3 of 8 slots in use" in page


def test_an_account_that_cannot_send_needs_a_person(alice: FlaskClient, core: Core) -> None:
    account_id = core.services.sender_accounts.create(AccountForm("Relay", "a@example.com", host="smtp.example.com"))
    now = utc_now()
    error = "smtp.example.com refused the login: 535 5.7.8 no"
    core.database.write(
        lambda session: SenderAccount.trip(
            session, account_id, known_failures=0, now=now, rest=timedelta(minutes=5), error=error
        )
    )

    page = alice.get("/").text

    assert "cannot send." in page
    assert "Many providers want an app password here" in page
    assert "It is tried again in" in page


def test_an_alert_that_the_page_does_not_see_itself_is_told_of(alice: FlaskClient, core: Core) -> None:
    facts = {"percent": 40, "failed": 40, "tried": 100}
    add_alert(core, AlertKind.FAILURE_RATE, "", facts)

    page = alice.get("/").text

    assert "40 % of the messages failed" in page
    assert "their servers said why" in page


def test_a_broken_account_is_told_of_once(alice: FlaskClient, core: Core) -> None:
    account_id = core.services.sender_accounts.create(AccountForm("Relay", "a@example.com", host="smtp.example.com"))
    now = utc_now()
    core.database.write(
        lambda session: SenderAccount.trip(
            session, account_id, known_failures=0, now=now, rest=timedelta(minutes=5), error="535 no"
        )
    )
    add_alert(core, AlertKind.ACCOUNT_BROKEN, account_id, {"name": "Relay", "error": "535 no"})

    page = alice.get("/").text

    assert "cannot send." in page
    assert "The sender account Relay does not work." not in page


def test_who_may_only_look_is_offered_no_pause(alice: FlaskClient, core: Core) -> None:
    offered = alice.get("/").text
    core.database.write(lambda session: setattr(session.get_one(User, "usr_alice"), "role", Role.VIEWER))

    assert "/box/pause" in offered
    assert "/box/pause" not in alice.get("/").text


def drawing(page: str, chart: str) -> dict[str, Any]:
    """What the chart of that id is drawn from."""
    found: dict[str, Any] = json.loads(
        page.partition(f'<canvas id="{chart}"')[2].partition("data-chart='")[2].partition("'>")[0]
    )
    return found


def test_a_disk_without_room_is_said_with_what_helps(alice: FlaskClient, core: Core) -> None:
    core.services.capacity._floor = 1 << 62

    page = alice.get("/").text

    assert "New mail is refused: the disk is nearly full." in page
    assert "without a restart" in page


def test_a_full_queue_is_said_with_its_limit(alice: FlaskClient, api: ApiClient, core: Core) -> None:
    core.services.capacity._limit = 1
    api.post("/api/v1/messages", {"to": ["ann@example.com"], "subject": "s", "text": "t"})

    page = alice.get("/").text

    assert "New mail is refused: 1 messages wait" in page
    assert "queue_messages" in page


def test_a_database_that_keeps_nothing_is_said(alice: FlaskClient, core: Core) -> None:
    core.database.writer.trouble = "The disk is full."

    page = alice.get("/").text
    assert "The database keeps nothing now" in page
    assert "It is tried again every few seconds." in page


def test_of_a_damaged_file_it_does_not_say_that_trying_again_helps(alice: FlaskClient, core: Core) -> None:
    core.database.damage = "The database file is damaged."

    page = alice.get("/").text

    assert "The database file is damaged." in page
    assert "tried again every few seconds" not in page


def add_alert(core: Core, kind: AlertKind, subject: str, facts: dict[str, Any]) -> None:
    row = {"id": f"alr_{kind}", "kind": kind, "subject": subject, "facts": facts, "clear_seconds": 60}
    core.database.write(lambda session: session.add(Alert(raised_at=utc_now(), **row)))
