import base64
from pathlib import Path
from typing import Any

import pytest

from appliance.bootstrap import Core
from appliance.config.settings import LimitsSettings, Settings
from appliance.db.queries import messages
from tests.web.api.letters import MESSAGES, ids, letter, post
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

BATCH = f"{MESSAGES}/batch"


def batch(*letters: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": list(letters)} | fields


def stored(core: Core) -> int:
    with core.database.read() as session:
        return sum(messages.counts_by_status(session).values())


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "attachments").glob("**/*") if path.is_file()]


def test_each_message_has_its_result_in_order(api: ApiClient) -> None:
    answer = api.post(BATCH, batch(letter(), letter(to=["bob@example.com"])))

    assert answer.status_code == 202
    body = answer.get_json()
    assert (body["accepted"], body["refused"]) == (2, 0)
    assert [one["status"] for one in body["results"]] == ["queued", "queued"]
    assert [one["id"] for one in body["results"]] == list(reversed(ids(api)))


def test_wrong_message_has_a_problem_with_paths_of_its_own(api: ApiClient) -> None:
    answer = api.post(BATCH, batch(letter(), letter(to=["ann@example.com", "bob"], subjekt="x"), 7, letter()))

    assert answer.status_code == 202
    body = answer.get_json()
    assert (body["accepted"], body["refused"]) == (2, 2)
    problem = body["results"][1]["error"]
    assert (problem["code"], problem["status"]) == ("invalid_fields", 422)
    assert {one["field"]: one["code"] for one in problem["errors"]} == {"to[1]": "invalid", "subjekt": "unknown_field"}
    assert "error" in body["results"][2]


def test_limits_of_a_message_hold_in_a_batch(api: ApiClient) -> None:
    crowd = [f"r{number}@example.com" for number in range(101)]

    answer = api.post(BATCH, batch(letter(), letter(to=crowd), letter(account="acc_none")))

    errors = [one.get("error", {}).get("errors", []) for one in answer.get_json()["results"]]
    assert [[(one["field"], one["code"]) for one in each] for each in errors] == [
        [],
        [("to", "too_many")],
        [("account", "not_found")],
    ]


def test_atomic_batch_is_refused_as_a_whole(api: ApiClient, core: Core, settings: Settings) -> None:
    file = {"filename": "a.txt", "content": base64.b64encode(b"hello").decode()}

    answer = api.post(BATCH, batch(letter(attachments=[file]), letter(to=["bob"]), letter(subject=7), atomic=True))

    assert wrong_fields(answer) == {"messages[1].to[0]": "invalid", "messages[2].subject": "invalid"}
    assert (stored(core), files(settings)) == (0, [])


def test_atomic_batch_without_a_fault_is_accepted(api: ApiClient) -> None:
    answer = api.post(BATCH, batch(letter(), letter(), atomic=True))

    assert (answer.status_code, answer.get_json()["accepted"]) == (202, 2)


def test_batch_of_which_nothing_is_accepted_is_a_problem(api: ApiClient, core: Core) -> None:
    answer = api.post(BATCH, batch(letter(to=[]), {}))

    assert wrong_fields(answer) == {
        "messages[0].to": "required",
        "messages[1].subject": "required",
        "messages[1].to": "required",
        "messages[1].text": "required",
    }
    assert stored(core) == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [{}], "atomic": "yes"}, "atomic"),
        ({"messages": [{}], "atom": True}, "atom"),
    ],
)
def test_batch_itself_must_be_right(api: ApiClient, body: dict[str, Any], field: str) -> None:
    assert field in wrong_fields(api.post(BATCH, body))


def test_too_many_messages_are_refused_with_the_limit(api: ApiClient) -> None:
    most = LimitsSettings().batch_messages

    answer = api.post(BATCH, batch(*[{}] * (most + 1)))

    assert wrong_fields(answer) == {"messages": "too_many"}
    assert "1001 messages; the limit is 1000" in answer.text


def test_errors_of_one_message_are_counted_out(api: ApiClient) -> None:
    answer = api.post(BATCH, batch(letter(), letter(to=["wrong"] * 1000)))

    assert len(answer.get_json()["results"][1]["error"]["errors"]) == 50


def test_key_is_for_the_whole_batch(api: ApiClient, core: Core) -> None:
    body, headers = batch(letter(), letter(to=[])), {"Idempotency-Key": "monday"}
    first = api.post(BATCH, body, headers=headers)

    again = api.post(BATCH, body, headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json() == first.get_json()
    assert ("Idempotent-Replay" in first.headers, again.headers["Idempotent-Replay"]) == (False, "true")
    assert stored(core) == 1


@pytest.mark.parametrize("other", [batch(letter(subject="Other")), batch(letter(), atomic=True), letter()])
def test_key_with_another_body_is_refused(api: ApiClient, other: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "monday"}
    api.post(BATCH, batch(letter()), headers=headers)

    answer = api.post(BATCH if "messages" in other else MESSAGES, other, headers=headers)

    problem_of(answer, 409, "idempotency_key_reused")


def test_files_of_a_batch_are_kept(api: ApiClient, settings: Settings) -> None:
    file = {"filename": "a.txt", "content": base64.b64encode(b"hello").decode()}

    answer = api.post(BATCH, batch(letter(attachments=[file]), letter(attachments=[file]), letter(to=[])))

    message = answer.get_json()["results"][1]["id"]
    assert api.get(f"{MESSAGES}/{message}").get_json()["attachments"][0]["size"] == 5
    assert b"aGVsbG8=" in api.get(f"{MESSAGES}/{message}/raw").data
    assert len(files(settings)) == 1


def test_batch_needs_the_scope_to_send(make_api: MakeApi) -> None:
    problem_of(make_api("read", "manage").post(BATCH, batch(letter())), 403, "forbidden")


def test_batch_of_many_is_stored_whole(api: ApiClient, core: Core) -> None:
    answer = api.post(BATCH, batch(*(letter(subject=f"{number}", tags=["many"]) for number in range(300))))

    assert (answer.get_json()["accepted"], stored(core)) == (300, 300)
    assert [post(api)] == ids(api)[:1]
