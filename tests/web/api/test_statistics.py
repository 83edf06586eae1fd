"""/api/v1/stats answers from what the log of events held, and says which part of a question is wrong."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import Message
from appliance.db.models.rollup import COUNTERS
from appliance.web.api.statistics_documents import StatisticsDocument, StatisticsSummary
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import add_account, post, send_all
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi

STATS = "/api/v1/stats"


def count(core: Core) -> None:
    while core.event_log.turn():
        pass


def ask(api: ApiClient, **query: Any) -> dict[str, Any]:
    answer = api.get(STATS, query_string=query)
    assert answer.status_code == 200, answer.text
    StatisticsDocument.model_validate(answer.get_json())
    found: dict[str, Any] = answer.get_json()
    return found


def by_group(found: dict[str, Any], counter: str = "sent") -> dict[str | None, int]:
    return {one["label"]: one[counter] for one in found["items"]}


@pytest.fixture
def account(api: ApiClient, core: Core, sink: SmtpSink) -> str:
    """The account that has sent two messages, one tagged; a third was refused."""
    account_id = add_account(api, sink)
    sink.reply("RCPT", "550 5.1.1 no", when=lambda line: "bad" in line)
    post(api, tags=["invoice", "november"])
    post(api)
    post(api, to=["bad@example.com"])
    send_all(core)
    count(core)
    return account_id


def test_figures_of_days(api: ApiClient, account: str) -> None:
    found = ask(api)

    assert (found["resolution"], found["group_by"], len(found["items"])) == ("day", ["day"], 30)
    *before, today = found["items"]
    assert {key: today[key] for key in ("accepted", "sent", "failed", "success_rate")} == {
        "accepted": 3,
        "sent": 2,
        "failed": 1,
        "success_rate": 0.6667,
    }
    assert 0 < today["seconds"]["p50"] <= today["seconds"]["p99"]
    assert {one["accepted"] for one in before} == {0}
    assert found["totals"] == {key: today[key] for key in found["totals"]}


def test_figures_of_hours_have_no_holes(api: ApiClient, account: str) -> None:
    found = ask(api, group_by="hour")

    assert found["resolution"] == "hour"
    assert len({one["start"] for one in found["items"]}) == 24
    assert found["items"][-1]["sent"] + found["items"][-2]["sent"] == 2  # the hour may have turned meanwhile
    assert found["items"][0] == {
        **dict.fromkeys(COUNTERS, 0),
        "success_rate": None,
        "seconds": None,
        "group": None,
        "label": None,
        "start": found["since"],
    }


def test_hours_that_are_gone_are_answered_by_days(api: ApiClient) -> None:
    found = ask(api, group_by="hour", since=(utc_now() - timedelta(days=40)).isoformat())

    assert (found["resolution"], len(found["items"])) == ("day", 41)


def test_figures_of_accounts_templates_tags_and_keys(api: ApiClient, account: str) -> None:
    accounts = ask(api, group_by="account")

    assert {one["group"]: one["sent"] for one in accounts["items"]} == {None: 0, account: 2}
    assert by_group(accounts) == {None: 0, "Shop": 2}
    assert by_group(ask(api, group_by="tag")) == {"invoice": 1, "november": 1}
    assert by_group(ask(api, group_by="template")) == {None: 2}
    assert by_group(ask(api, group_by="key")) == {"acme": 2}


def test_figures_of_states(api: ApiClient, account: str) -> None:
    found = ask(api, group_by="status")

    assert {one["status"]: one["count"] for one in found["items"] if one["count"]} == {
        "accepted": 3,
        "sent": 2,
        "failed": 1,
    }
    assert len(ask(api, group_by="day,status")["items"]) == 30 * len(COUNTERS)


def test_two_groupings_give_each_group_a_line_without_holes(api: ApiClient, account: str) -> None:
    for group_by in (["day", "tag"], "tag,day"):
        found = ask(api, group_by=group_by)
        assert len(found["items"]) == 2 * 30
        assert [one["sent"] for one in found["items"] if one["label"] == "invoice"] == [0] * 29 + [1]
    assert len(ask(api, group_by="hour,key")["items"]) == 24


def test_a_filter_leaves_what_it_names(api: ApiClient, account: str) -> None:
    assert ask(api, tag="invoice")["totals"]["sent"] == 1
    assert ask(api, tag="nothing")["totals"]["sent"] == 0
    assert ask(api, account=account, group_by="key")["totals"]["sent"] == 2
    assert by_group(ask(api, tag="invoice", group_by="key")) == {"acme": 1}
    assert by_group(ask(api, tag="invoice", group_by="tag")) == {"invoice": 1}
    assert ask(api, template="never-made")["totals"]["accepted"] == 0


def test_templates_are_found_by_slug(api: ApiClient, core: Core) -> None:
    template = {"slug": "invoice", "name": "Invoice", "subject": "Hello", "text": "Hello"}
    template_id = api.post("/api/v1/templates", template).get_json()["id"]
    api.post("/api/v1/messages", {"to": ["ann@example.com"], "template": "invoice"})
    count(core)

    for wanted in ("invoice", template_id):
        assert ask(api, template=wanted)["totals"]["accepted"] == 1
    assert by_group(ask(api, group_by="template"), "accepted") == {"invoice": 1}


def test_a_key_without_manage_sees_its_own_figures_only(
    api: ApiClient, make_api: MakeApi, core: Core, account: str
) -> None:
    program = make_api("send", "read")
    post(program, tags=["invoice", "mine"])
    count(core)

    assert ask(program)["totals"]["accepted"] == 1
    assert by_group(ask(program, group_by="tag"), "accepted") == {"invoice": 1, "mine": 1}
    assert by_group(ask(program, group_by="account"), "accepted") == {None: 1}
    own = ask(program, group_by="key")["items"]
    assert [(one["label"], one["accepted"]) for one in own] == [("a program", 1)]
    assert ask(program, key=own[0]["group"])["totals"]["accepted"] == 1
    assert ask(api)["totals"]["accepted"] == 4
    assert ask(api, key=own[0]["group"], tag="invoice")["totals"]["accepted"] == 1
    assert program.get(f"{STATS}/summary").get_json()["totals"]["accepted"] == 1


def test_figures_of_others_need_manage(make_api: MakeApi) -> None:
    for path in (STATS, f"{STATS}/summary"):
        problem_of(make_api("read").get(path, query_string={"key": "key_other"}), 403, "forbidden")
        problem_of(make_api("send").get(path), 403, "forbidden")


def test_the_busiest_groups_come_first_and_the_others_are_counted(api: ApiClient, core: Core) -> None:
    for tags in (["a"], ["b"], ["c", "b"]):
        post(api, tags=tags)
    count(core)

    found = ask(api, group_by="tag", limit=2)

    assert by_group(found, "accepted") == {"b": 2, "a": 1}
    assert found["omitted"] == 1


def test_figures_outlive_the_messages(api: ApiClient, core: Core, account: str) -> None:
    before = ask(api, group_by="tag")
    core.database.write(lambda session: session.execute(delete(Message)) and None)

    assert ask(api, group_by="tag") == before


def test_summary_tells_a_time_at_a_glance(api: ApiClient, account: str) -> None:
    answer = api.get(f"{STATS}/summary")

    StatisticsSummary.model_validate(answer.get_json())
    found = answer.get_json()
    assert (found["totals"]["sent"], len(found["by_day"])) == (2, 30)
    assert by_group({"items": found["by_account"]}) == {None: 0, "Shop": 2}
    assert by_group({"items": found["by_tag"]}) == {"invoice": 1, "november": 1}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"group_by": "week"}, "group_by[0]"),
        ({"group_by": ""}, "group_by"),
        ({"group_by": "tag,account"}, "group_by"),
        ({"group_by": "hour,day"}, "group_by"),
        ({"group_by": "hour,tag,account"}, "group_by"),
        ({"group_by": "day,day"}, "group_by"),
        ({"group_by": "tag", "account": "acc_1"}, "group_by"),
        ({"tag": "a", "account": "acc_1"}, "tag"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-24T00:00:00"}, "since"),
        ({"since": "9999-01-01T00:00:00Z"}, "since"),
        ({"until": "0001-01-01T00:00:00Z"}, "until"),
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "until"),
        ({"limit": 0}, "limit"),
        ({"gruop_by": "day"}, "gruop_by"),
    ],
)
def test_wrong_part_of_a_question_is_named(api: ApiClient, query: dict[str, Any], field: str) -> None:
    problem = problem_of(api.get(STATS, query_string=query), 422, "invalid_fields")

    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_chart_has_as_many_groups_as_it_can_show(api: ApiClient, core: Core) -> None:
    for start in range(0, 60, 20):
        post(api, tags=[f"tag {number}" for number in range(start, start + 20)])
    count(core)
    since = (utc_now() - timedelta(days=99)).isoformat()

    found = ask(api, group_by="day,tag", since=since)

    assert (len(found["items"]), found["omitted"]) == (1500, 45)
    assert len(ask(api, group_by="tag", since=since)["items"]) == 60
