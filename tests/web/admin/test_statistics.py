"""Figures of what happened, as a person asks for them."""

import csv
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.db.models.rollup import COUNTERS
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import add_account, post, send_all
from tests.web.conftest import ApiClient


@pytest.fixture
def busy(alice: FlaskClient, api: ApiClient, core: Core, sink: SmtpSink) -> FlaskClient:
    """Alice, where two messages were sent, one was partially sent and one failed."""
    add_account(api, sink)
    sink.reply("RCPT", "550 5.1.1 no", when=lambda line: "bad" in line)
    post(api, tags=["invoice"])
    post(api, tags=["=danger()"])
    post(api, to=["bad@example.com"])
    post(api, to=["ann@example.com", "bad@example.com"])
    send_all(core)
    core.event_log.turn()
    return alice


def drawing(page: str) -> dict[str, Any]:
    """What the chart is drawn from."""
    found: dict[str, Any] = json.loads(page.partition("data-chart='")[2].partition("'>")[0])
    return found


def rows(browser: FlaskClient, query: str) -> list[dict[str, str]]:
    return list(csv.DictReader(browser.get(f"/statistics/export.csv?{query}").text.splitlines()))


def test_a_chart_has_a_point_for_each_hour_and_for_each_day(busy: FlaskClient) -> None:
    hours, days = busy.get("/statistics?period=24h&by=hour").text, busy.get("/statistics?period=30d&by=day").text

    assert len(drawing(hours)["labels"]) in (24, 25)
    assert len(drawing(days)["labels"]) in (30, 31)
    assert [sum(one["values"]) for one in drawing(days)["sets"]] == [2, 1, 1]


@pytest.mark.parametrize(
    ("by", "label"), [("account", "Shop"), ("tag", "invoice"), ("key", "acme"), ("template", "without a template")]
)
def test_groups_are_drawn_by_the_names_that_people_know(busy: FlaskClient, by: str, label: str) -> None:
    page = busy.get(f"/statistics?by={by}").text

    drawn = drawing(page)
    assert drawn["sideways"] is True
    assert label in drawn["labels"]
    assert f"<td>{label}</td>" in page


def test_by_state_every_state_has_its_count(busy: FlaskClient) -> None:
    drawn = drawing(busy.get("/statistics?by=status").text)

    assert dict(zip(COUNTERS, drawn["sets"][0]["values"], strict=True))["accepted"] == 4
    assert drawn["labels"][:2] == ["Accepted", "Sent"]


def test_a_long_time_by_the_hour_is_shown_by_the_day_and_said_so(busy: FlaskClient) -> None:
    page = busy.get("/statistics?period=90d&by=hour").text

    assert len(drawing(page)["labels"]) in (90, 91)
    assert "these are by the day" in page


def test_days_are_chosen_with_the_last_one_included(busy: FlaskClient) -> None:
    page = busy.get("/statistics?period=custom&since=2026-01-30&until=2026-02-02&by=day").text

    assert 'value="2026-01-30"' in page
    assert 'value="custom" selected' in page


@pytest.mark.parametrize("query", ["since=2026-05-02&until=2026-05-01", "since=2199-01-01", "until=2001-01-01"])
def test_a_time_without_figures_says_so(busy: FlaskClient, query: str) -> None:
    assert "There are no figures of that time." in busy.get(f"/statistics?period=custom&{query}").text
    assert rows(busy, f"period=custom&{query}") == []


@pytest.mark.parametrize(
    "query", ["period=eternity", "by=weather", "period=custom&since=yesterday", "since=0001-01-01"]
)
def test_what_makes_no_sense_in_the_address_is_taken_for_the_usual(busy: FlaskClient, query: str) -> None:
    page = busy.get(f"/statistics?{query}").text

    assert 'value="7d" selected' in page
    assert 'value="day" selected' in page


def test_before_the_first_message_the_page_says_what_to_do(alice: FlaskClient) -> None:
    page = alice.get("/statistics").text

    assert "Nothing happened in that time." in page
    assert "<canvas" not in page


@pytest.mark.parametrize("by", ["day", "account"])
def test_one_figure_is_called_failed_wherever_it_stands(busy: FlaskClient, by: str) -> None:
    page = busy.get(f"/statistics?by={by}").text

    table = re.findall(r'data-label="(Partially sent|Failed)">(\d+)<', page)
    assert {name: max(int(count) for one, count in table if one == name) for name, _ in table} == {
        "Partially sent": 1,
        "Failed": 1,
    }
    assert '<span class="state wait">Partially sent</span> <strong>1</strong>' in page
    assert '<span class="state bad">Failed</span> <strong>1</strong>' in page
    assert [one["label"] for one in drawing(page)["sets"]] == ["Sent", "Partially sent", "Failed"]


def test_the_file_has_the_figures_of_the_page(busy: FlaskClient) -> None:
    answer = busy.get("/statistics/export.csv?by=account&period=24h")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="statistics-account-24h.csv"'
    (shop,) = [row for row in rows(busy, "by=account&period=24h") if row["label"] == "Shop"]
    assert (shop["sent"], shop["failed"]) == ("2", "1")


def test_the_file_runs_nothing_in_a_spreadsheet(busy: FlaskClient) -> None:
    assert "'=danger()" in [row["group"] for row in rows(busy, "by=tag")]


def test_the_file_by_state_counts_states(busy: FlaskClient) -> None:
    assert {"status": "sent", "count": "2"} in rows(busy, "by=status")
