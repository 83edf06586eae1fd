"""POST /messages/bulk and the job that it makes."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from tests.web.api.letters import MESSAGES, ids, letter, post
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

BULK = f"{MESSAGES}/bulk"


def bulk(api: ApiClient, action: str, headers: dict[str, str] | None = None, **body: Any) -> TestResponse:
    return api.post(BULK, {"action": action, **body}, headers=headers or {})


def job(api: ApiClient, core: Core, answer: TestResponse) -> dict[str, Any]:
    """After its end."""
    assert answer.status_code == 202, answer.text
    core.services.job_runs.run(answer.get_json()["job"]["id"])
    found: dict[str, Any] = api.get(answer.headers["Location"]).get_json()
    return found


def test_dry_run_counts_and_changes_nothing(api: ApiClient) -> None:
    message = post(api, tags=["a"])
    post(api, tags=["b"])

    answer = bulk(api, "cancel", filter={"tag": "a"}, dry_run=True)

    assert answer.status_code == 200
    assert answer.get_json() == {
        "action": "cancel",
        "matching": 1,
        "by_status": {"queued": 1},
        "would_change": 1,
        "would_skip": 0,
        "ids_not_found": None,
    }
    assert api.get(f"{MESSAGES}/{message}").get_json()["status"] == "queued"


def test_job_changes_what_matches(api: ApiClient, core: Core) -> None:
    wanted, other = post(api, tags=["a"]), post(api, tags=["b"])

    answer = bulk(api, "cancel", filter={"tag": "a"})
    queued, done = answer.get_json()["job"], job(api, core, answer)

    assert (queued["state"], queued["total"], queued["percent"]) == ("queued", 1, 0)
    assert (done["state"], done["changed"], done["percent"]) == ("done", 1, 100)
    assert (ids(api, "status=cancelled"), ids(api, "status=queued")) == ([wanted], [other])


def test_every_filter_of_the_list_is_one_here(api: ApiClient, core: Core) -> None:
    message = post(api, tags=["a"], metadata={"invoice": 7, "paid": True})
    wanted = {
        "status": ["queued"],
        "recipient": "ann@example.com",
        "tag": "a",
        "since": "2020-01-01T00:00:00Z",
        "until": "2100-01-01T00:00:00Z",
        "q": "Hello",
        "subject": "Hel",
        "metadata": {"invoice": 7, "paid": True},
    }

    done = job(api, core, bulk(api, "cancel", filter=wanted))

    assert (done["changed"], ids(api, "status=cancelled")) == (1, [message])


@pytest.mark.parametrize(
    "wanted",
    [
        {"metadata.invoice": 7, "metadata.paid": True},
        {"metadata.invoice": "7", "metadata": {"paid": "true"}},
    ],
)
def test_metadata_is_named_as_in_the_list(api: ApiClient, core: Core, wanted: dict[str, Any]) -> None:
    message = post(api, metadata={"invoice": 7, "paid": True})
    post(api, metadata={"invoice": 7, "paid": False})

    counted = bulk(api, "cancel", filter=wanted, dry_run=True).get_json()
    done = job(api, core, bulk(api, "cancel", filter=wanted))

    assert counted["matching"] == 1
    assert (done["changed"], ids(api, "status=cancelled")) == (1, [message])


def test_both_ways_to_name_metadata_are_one_request(api: ApiClient) -> None:
    key = {"Idempotency-Key": "once"}
    made = bulk(api, "cancel", key, filter={"metadata": {"invoice": 7}}).get_json()["job"]["id"]

    again = bulk(api, "cancel", key, filter={"metadata.invoice": 7})

    assert (again.get_json()["job"]["id"], again.headers["Idempotent-Replay"]) == (made, "true")


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        ({"metadata.": 7}, {"filter.metadata.": "invalid"}),
        ({"metadata.n": [7]}, {"filter.metadata.n": "invalid"}),
        ({"metadata.n": 7, "metadata": {"n": 8}}, {"filter.metadata.n": "invalid"}),
        ({"metadata.n": 7, "metadata": 7}, {"filter.metadata": "invalid"}),
        ({f"metadata.{number}": 7 for number in range(6)}, {"filter.metadata": "too_many"}),
        ({"metadata_n": 7}, {"filter.metadata_n": "unknown_field"}),
        ([], {"filter": "invalid"}),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(api: ApiClient, wanted: Any, wrong: dict[str, str]) -> None:
    assert wrong_fields(bulk(api, "cancel", filter=wanted)) == wrong


@pytest.mark.parametrize("body", [{}, {"filter": {}}, {"filter": {"tag": ""}}])
def test_empty_filter_is_refused_with_the_way_out(api: ApiClient, body: dict[str, Any]) -> None:
    answer = bulk(api, "cancel", **body)

    assert wrong_fields(answer) == {"filter": "required"}
    assert "'all': true" in answer.get_json()["errors"][0]["message"]


def test_everything_can_be_meant_on_purpose(api: ApiClient, core: Core) -> None:
    post(api)
    post(api)

    assert job(api, core, bulk(api, "cancel", all=True))["changed"] == 2


def test_all_beside_a_filter_is_refused(api: ApiClient) -> None:
    answer = bulk(api, "cancel", all=True, filter={"tag": "a"})

    assert wrong_fields(answer) == {"all": "invalid"}


def test_misspelt_filter_is_refused_by_name(api: ApiClient) -> None:
    answer = bulk(api, "cancel", filter={"stauts": ["failed"]})

    assert wrong_fields(answer) == {"filter.stauts": "unknown_field"}


def test_named_messages(api: ApiClient, core: Core) -> None:
    message, other = post(api), post(api)

    done = job(api, core, bulk(api, "cancel", ids=[message]))

    assert (done["changed"], ids(api, "status=queued")) == (1, [other])


def test_key_reaches_only_its_own_messages(api: ApiClient, make_api: MakeApi, core: Core) -> None:
    program = make_api("send", "read")
    own, foreign = post(program), post(api)

    done = job(program, core, bulk(program, "cancel", ids=[own, foreign]))

    assert (done["total"], done["changed"]) == (1, 1)
    assert api.get(f"{MESSAGES}/{foreign}").get_json()["status"] == "queued"


def test_deleting_needs_manage(make_api: MakeApi) -> None:
    answer = bulk(make_api("send", "read"), "delete", all=True, dry_run=True)

    problem_of(answer, 403, "forbidden")


def test_delete_leaves_what_waits(api: ApiClient, core: Core) -> None:
    gone, waiting = post(api), post(api)
    api.post(f"{MESSAGES}/{gone}/cancel")

    done = job(api, core, bulk(api, "delete", all=True))

    assert (done["changed"], done["skipped"]) == (1, 1)
    assert ids(api) == [waiting]


def test_repeated_request_with_a_key_makes_one_job(api: ApiClient) -> None:
    post(api)
    key = {"Idempotency-Key": "cancel-1"}

    first = bulk(api, "cancel", key, all=True)
    second = bulk(api, "cancel", key, all=True)
    other = bulk(api, "retry", key, all=True)

    assert first.get_json()["job"]["id"] == second.get_json()["job"]["id"]
    assert (first.headers.get("Idempotent-Replay"), second.headers["Idempotent-Replay"]) == (None, "true")
    problem_of(other, 409, "idempotency_key_reused")


def test_key_of_a_message_is_not_taken_for_one_of_a_job(api: ApiClient) -> None:
    key = {"Idempotency-Key": "one"}
    api.post(MESSAGES, letter(), headers=key)

    problem_of(bulk(api, "cancel", key, all=True), 409, "idempotency_key_reused")


def test_filter_and_result_are_told_to_the_audit(api: ApiClient, core: Core) -> None:
    post(api, tags=["a"])

    done = job(api, core, bulk(api, "cancel", filter={"tag": "a"}))

    entries = api.get(f"/api/v1/audit?target={done['id']}").get_json()["items"]
    assert [one["action"] for one in entries] == ["job.done", "job.created"]
    assert entries[0]["detail"]["changed"] == 1
    assert entries[1]["detail"] == {"kind": "messages.cancel", "total": 1, "action": "cancel", "filter": {"tag": "a"}}
    assert {one["actor"]["name"] for one in entries} == {"acme"}


def test_message_that_has_ended_can_be_deleted(api: ApiClient) -> None:
    message = post(api)
    api.post(f"{MESSAGES}/{message}/cancel")

    answer = api.delete(f"{MESSAGES}/{message}")

    assert answer.status_code == 204
    problem_of(api.get(f"{MESSAGES}/{message}"), 404, "not_found")
    problem_of(api.delete(f"{MESSAGES}/{message}"), 404, "not_found")


def test_message_that_waits_is_not_deleted(api: ApiClient) -> None:
    message = post(api)

    problem = problem_of(api.delete(f"{MESSAGES}/{message}"), 409, "wrong_state")

    assert "Cancel it" in problem["detail"]
    assert ids(api) == [message]


def test_deleting_a_message_needs_manage(make_api: MakeApi) -> None:
    program = make_api("send", "read")

    problem_of(program.delete(f"{MESSAGES}/{post(program)}"), 403, "forbidden")


def test_ids_that_there_are_not_are_counted(api: ApiClient, core: Core, make_api: MakeApi) -> None:
    message, of_another = post(api), post(make_api("send"))
    named = [message, message, "msg_nowhere", "msg_nowhere", "zz"]

    counted = bulk(api, "cancel", ids=named, dry_run=True).get_json()
    done = job(api, core, bulk(api, "cancel", ids=named))

    assert (counted["matching"], counted["ids_not_found"]) == (1, 2)
    assert (done["total"], done["changed"], done["ids_not_found"]) == (1, 1, 2)
    assert "not_found" not in done["parameters"]
    own = bulk(make_api("send", "read"), "cancel", ids=[message, of_another], dry_run=True)
    assert own.get_json()["ids_not_found"] == 2  # those of other keys are not told from those that there are not
