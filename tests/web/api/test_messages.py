from email import message_from_bytes, policy
from typing import Any
from urllib.parse import quote

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event

from appliance.bootstrap import Core
from appliance.db.models import Message
from appliance.web.api.documents import Accepted, MessageDetail, MessagePage
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import MESSAGES, add_account, ids, letter, post, send_all
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

EVERYTHING: dict[str, Any] = {
    "to": ["Ann Smith <ann@example.com>", {"email": "bo@EXAMPLE.com", "name": "Bo 🎈"}],
    "cc": ["cc@example.com"],
    "bcc": [{"email": "bcc@example.com"}],
    "reply_to": ["answers@example.com"],
    "from": {"email": "shop@example.com", "name": "Shop"},
    "subject": "Grüße 🎈",
    "text": "Text",
    "html": "<p>HTML</p>",
    "headers": {"X-Campaign": "november"},
    "tags": ["invoice", "vip", "invoice"],
    "metadata": {"invoice": 1041, "smile": "🎈", "path": "C:\\u0000", "deep": {"list": [1, None, 2.5]}},
    "priority": "high",
    "account": "acc_mailbox",
    "attachments": [{"filename": "a.txt", "content": "aGVsbG8=", "content_id": "<a>"}],
}


def test_accepted_message_comes_with_its_id_state_and_place(api: ApiClient) -> None:
    answer = api.post(MESSAGES, letter())

    assert answer.status_code == 202
    accepted = Accepted.model_validate(answer.get_json())
    assert accepted.status == "queued"
    assert accepted.id.startswith("msg_")
    assert answer.headers["Location"] == f"{MESSAGES}/{accepted.id}"
    assert api.get(answer.headers["Location"]).get_json()["created_at"] == accepted.created_at


def test_every_field_is_kept(api: ApiClient) -> None:
    message_id = post(api, **EVERYTHING)

    shown = api.get(f"{MESSAGES}/{message_id}").get_json()

    MessageDetail.model_validate(shown)
    assert shown["to"] == [
        {"email": "ann@example.com", "name": "Ann Smith"},
        {"email": "bo@example.com", "name": "Bo 🎈"},
    ]
    assert shown["cc"] == [{"email": "cc@example.com", "name": ""}]
    assert shown["bcc"] == [{"email": "bcc@example.com", "name": ""}]
    assert shown["reply_to"] == [{"email": "answers@example.com", "name": ""}]
    assert shown["tags"] == ["invoice", "vip"]
    for field in ("from", "subject", "text", "html", "headers", "metadata", "priority", "account"):
        assert shown[field] == EVERYTHING[field], field
    assert [(one["filename"], one["size"], one["content_id"]) for one in shown["attachments"]] == [("a.txt", 5, "a")]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"to": []}, {"to": "required"}),
        ({"to": None}, {"to": "invalid"}),
        ({"to": "ann@example.com"}, {"to": "invalid"}),
        ({"to": ["ann@example.com\r\nBcc: eve@example.com"]}, {"to[0]": "invalid"}),
        ({"to": [{"email": "ann@example.com", "name": "Ann\nBcc: eve@example.com"}]}, {"to[0].name": "invalid"}),
        ({"to": [{"name": "Ann"}]}, {"to[0].email": "invalid"}),
        ({"to": ["\ud800@example.com"]}, {"to[0]": "invalid"}),
        ({"to": [["ann@example.com"]]}, {"to[0]": "invalid"}),
        ({"to": ["ann@example.com"] * 101}, {"to": "too_many"}),
        ({"to": ["ann@example.com"] * 1001}, {"to": "too_many"}),
        ({"from": "Shop"}, {"from": "invalid"}),
        ({"subject": None}, {"subject": "required"}),
        ({"subject": "a\nb"}, {"subject": "invalid"}),
        ({"subject": "x" * 999}, {"subject": "invalid"}),
        ({"subject": "\ud800"}, {"subject": "invalid"}),
        ({"text": None}, {"text": "required"}),
        ({"text": "NUL \0"}, {"text": "invalid"}),
        ({"text": 1, "html": None}, {"text": "invalid"}),
        ({"html": "\udfff"}, {"html": "invalid"}),
        ({"text": "x" * (21 * 1024 * 1024)}, {"text": "too_large"}),
        ({"headers": {"Subject": "x"}}, {"headers.Subject": "invalid"}),
        ({"headers": {"X-A": "1", "x-a": "2"}}, {"headers.X-A": "invalid", "headers.x-a": "invalid"}),
        ({"headers": {"X A": "1"}}, {"headers.X A": "invalid"}),
        ({"headers": {"X-A": 1}}, {"headers.X-A": "invalid"}),
        ({"tags": ["a"] * 21}, {"tags": "too_many"}),
        ({"tags": ["x" * 65, " a", "\ud800"]}, {"tags[0]": "invalid", "tags[1]": "invalid", "tags[2]": "invalid"}),
        ({"metadata": []}, {"metadata": "invalid"}),
        ({"metadata": {"a": "x" * 16_400}}, {"metadata": "too_large"}),
        ({"metadata": {"a": "\ud800"}}, {"metadata": "invalid"}),
        ({"metadata": {"\0": 1}}, {"metadata": "invalid"}),
        ({"priority": 1}, {"priority": "invalid"}),
        ({"account": "acc_gone"}, {"account": "not_found"}),
        ({"account": "\ud800"}, {"account": "invalid"}),
        ({"attachments": [{}]}, {"attachments[0]": "invalid"}),
        ({"attachments": [{"filename": "a", "content": "?"}]}, {"attachments[0].content": "invalid"}),
        ({"attachments": [{"id": "att_gone"}]}, {"attachments[0].id": "not_found"}),
        ({"attachments": [{"id": "a", "size": 1}]}, {"attachments[0].size": "unknown_field"}),
        ({"send_att": "2026-11-24T08:00:00Z"}, {"send_att": "unknown_field"}),
    ],
)
def test_field_that_is_not_right_is_named(api: ApiClient, fields: dict[str, Any], wrong: dict[str, str]) -> None:
    answer = api.post(MESSAGES, letter(**fields))

    assert wrong_fields(answer) == wrong
    assert ids(api) == []


def test_metadata_may_be_deep_but_not_bottomless(api: ApiClient) -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}

    assert wrong_fields(api.post(MESSAGES, letter(metadata=deep))) == {"metadata": "invalid"}


def test_number_beyond_what_json_readers_take_is_refused(api: ApiClient) -> None:
    body = '{"to": ["a@example.com"], "subject": "x", "text": "x", "metadata": {"a": 1e999}}'

    answer = api._open("POST", MESSAGES, {"data": body, "content_type": "application/json"})

    assert wrong_fields(answer) == {"metadata": "invalid"}


def test_only_bcc_is_enough(api: ApiClient) -> None:
    assert post(api, to=[], bcc=["ann@example.com"])


# Idempotency


def submit_with_key(api: ApiClient, key: str, **fields: Any) -> Any:
    return api.post(MESSAGES, letter(**fields), headers={"Idempotency-Key": key})


def test_same_key_and_meaning_give_the_first_answer_again(api: ApiClient) -> None:
    first = submit_with_key(api, "order-1")

    again = api._open(
        "POST",
        MESSAGES,
        {
            "data": '{ "text":"Hello Ann.","subject":"Hello",  "to":[{"email":"ann@EXAMPLE.com"}], "tags": [] }',
            "content_type": "application/json",
            "headers": {"Idempotency-Key": "order-1"},
        },
    )

    assert again.status_code == 202
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replay" not in first.headers
    assert len(ids(api)) == 1


def test_same_key_with_another_meaning_is_refused(api: ApiClient) -> None:
    submit_with_key(api, "order-1")

    problem_of(submit_with_key(api, "order-1", subject="Other"), 409, "idempotency_key_reused")
    assert len(ids(api)) == 1


def test_keys_of_two_programs_do_not_meet(make_api: MakeApi, api: ApiClient) -> None:
    first, second = submit_with_key(make_api("send"), "order-1"), submit_with_key(make_api("send"), "order-1")

    assert first.get_json()["id"] != second.get_json()["id"]
    assert "Idempotent-Replay" not in second.headers


def test_refused_message_does_not_use_up_its_key(api: ApiClient) -> None:
    assert submit_with_key(api, "order-1", account="acc_gone").status_code == 422

    assert submit_with_key(api, "order-1").status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tkey", "schlüssel"])
def test_key_of_another_form_is_refused(api: ApiClient, key: str) -> None:
    assert wrong_fields(submit_with_key(api, key)) == {"Idempotency-Key": "invalid"}


def test_fifty_posts_at_once_make_one_message(app: Flask, api: ApiClient) -> None:
    posts = [gevent.spawn(submit_with_key, api, "order-1") for _ in range(50)]

    answers = [post.get(timeout=30) for post in posts]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotent-Replay" in answer.headers for answer in answers) == 49
    assert len(ids(api)) == 1


# Whose messages


def test_program_without_manage_sees_only_its_own(make_api: MakeApi, api: ApiClient) -> None:
    ours, theirs = make_api("send", "read"), make_api("send", "read")
    mine, other = post(ours), post(theirs)

    assert ids(ours) == [mine]
    assert ids(ours, f"q={other}") == []
    assert set(ids(api)) == {mine, other}
    for path in ("", "/raw"):
        problem_of(ours.get(f"{MESSAGES}/{other}{path}"), 404, "not_found")
    for verb in ("cancel", "retry"):
        problem_of(ours.post(f"{MESSAGES}/{other}/{verb}"), 404, "not_found")
    assert api.get(f"{MESSAGES}/{other}").get_json()["status"] == "queued"


@pytest.mark.parametrize("message_id", ["msg_gone", "%00", "%FF", "a" * 5000, "..%2F..", "%0d%0a"])
def test_message_that_there_is_not_is_told_so(api: ApiClient, message_id: str) -> None:
    for path in ("", "/raw"):
        assert api.get(f"{MESSAGES}/{message_id}{path}").status_code in (404, 422)
    assert api.post(f"{MESSAGES}/{message_id}/cancel").status_code in (404, 422)


# Following it


def test_cancelled_message_is_cancelled_once(api: ApiClient) -> None:
    message_id = post(api)

    first, second = api.post(f"{MESSAGES}/{message_id}/cancel"), api.post(f"{MESSAGES}/{message_id}/cancel")

    assert first.get_json()["status"] == "cancelled"
    assert "cancelled already" in problem_of(second, 409, "wrong_state")["detail"]


def test_waiting_message_cannot_be_retried(api: ApiClient) -> None:
    problem_of(api.post(f"{MESSAGES}/{post(api)}/retry"), 409, "wrong_state")


def test_attempt_shows_account_code_text_and_time(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)
    message_id = post(api)

    send_all(core)

    shown = api.get(f"{MESSAGES}/{message_id}").get_json()
    MessageDetail.model_validate(shown)
    assert shown["status"] == "sent"
    assert shown["explanation"].startswith("The next server accepted it")
    (attempt,) = shown["attempts"]
    assert (attempt["account"], attempt["account_name"]) == (account_id, "Shop")
    assert (attempt["outcome"], attempt["reply_code"]) == ("sent", 250)
    assert attempt["reply_text"]
    assert attempt["duration_ms"] >= 0
    assert shown["recipients"][0]["reply_code"] == 250


def test_refused_message_says_what_the_server_said(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    sink.reply("RCPT", "550 5.1.1 no such user")
    message_id = post(api)

    send_all(core)

    shown = api.get(f"{MESSAGES}/{message_id}").get_json()
    MessageDetail.model_validate(shown)
    assert shown["status"] == "failed"
    assert (shown["recipients"][0]["reply_code"], shown["recipients"][0]["reply_text"]) == (550, "5.1.1 no such user")
    assert "no such user" in shown["explanation"]
    assert api.post(f"{MESSAGES}/{message_id}/retry").get_json()["status"] == "queued"


# The RFC 5322 form


def test_raw_message_is_what_went_out(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    message_id = post(api, **EVERYTHING | {"account": None})
    send_all(core)

    answer = api.get(f"{MESSAGES}/{message_id}/raw")

    assert answer.content_type == "message/rfc822"
    raw, sent = (message_from_bytes(data, policy=policy.default) for data in (answer.data, sink.messages[0].data))
    assert raw["Message-ID"] == sent["Message-ID"]
    assert {name.lower(): raw[name] for name in raw if name != "Content-Type"} == {
        name.lower(): sent[name] for name in sent if name != "Content-Type"
    }
    assert [part.get_content_type() for part in raw.walk()] == [part.get_content_type() for part in sent.walk()]
    assert b"bcc@example.com" not in answer.data


def test_raw_message_can_be_looked_at_before_it_goes_out(api: ApiClient) -> None:
    answer = api.get(f"{MESSAGES}/{post(api)}/raw")

    assert answer.status_code == 200
    assert b"Subject: Hello\r\n" in answer.data


def test_raw_message_without_any_account_says_so(api: ApiClient) -> None:
    message_id = post(api)
    api.post("/api/v1/accounts/acc_mailbox/pause")

    problem_of(api.get(f"{MESSAGES}/{message_id}/raw"), 409, "wrong_state")


# Lists


def test_page_has_the_newest_first_and_its_form(api: ApiClient) -> None:
    sent = [post(api) for _ in range(3)]

    page = api.get(f"{MESSAGES}?limit=2").get_json()

    MessagePage.model_validate(page)
    assert [one["id"] for one in page["items"]] == sent[:0:-1]


def test_pages_are_stable_while_messages_arrive(api: ApiClient) -> None:
    sent = [post(api) for _ in range(5)]
    seen, cursor = [], ""

    while cursor is not None:
        page = api.get(f"{MESSAGES}?limit=2&cursor={cursor}").get_json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        post(api)

    assert seen == sent[::-1]


def test_each_filter_selects(api: ApiClient) -> None:
    plain = post(api)
    special = post(api, to=["zoe@example.org"], tags=["vip"], subject="Invoice 1041", account="acc_mailbox")
    between = api.get(f"{MESSAGES}/{special}").get_json()["created_at"]
    api.post(f"{MESSAGES}/{plain}/cancel")

    assert ids(api, "status=queued") == [special]
    assert ids(api, "status=queued&status=cancelled") == [special, plain]
    assert ids(api, "status=queued,cancelled") == [special, plain]
    assert ids(api, "recipient=zoe@example.org") == [special]
    assert ids(api, "recipient=zo") == [special]
    assert ids(api, "tag=vip") == [special]
    assert ids(api, "account=acc_mailbox") == [special]
    assert ids(api, "q=invoice") == [special]
    assert ids(api, f"q={plain}") == [plain]
    assert ids(api, f"since={between}") == [special]
    assert ids(api, f"until={between}") == [plain]
    assert ids(api, f"status=queued&tag=vip&recipient=zoe@example.org&q=1041&since={between}") == [special]
    assert ids(api, "status=sent&tag=vip") == []


def test_sent_message_is_found_by_the_account_that_it_went_through(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    account_id = add_account(api, sink)
    message_id = post(api)
    send_all(core)

    assert ids(api, f"account={account_id}") == [message_id]
    assert ids(api, "account=acc_mailbox") == []


def test_wildcards_of_a_filter_are_only_characters(api: ApiClient) -> None:
    post(api, subject="100 percent")

    assert ids(api, "q=%25") == []
    assert ids(api, "recipient=%25") == []
    assert ids(api, "q=" + quote("'; DROP TABLE messages; --")) == []


@pytest.mark.parametrize(
    "moment",
    ["2000-01-01T00:00:00+01:00", "2000-01-01T00:00:00%2B01:00", "2000-01-01t00:00:00.5z", "2000-01-01T00:00Z"],
)
def test_moment_is_taken_in_every_form_of_the_standard(api: ApiClient, moment: str) -> None:
    message_id = post(api)

    assert ids(api, f"since={moment}") == [message_id]
    assert ids(api, f"until={moment}") == []


@pytest.mark.parametrize(
    "moment",
    [
        *("2026-11-24T09:00:00", "2026-11-24", "yesterday", "1700000000", "", "2026-13-01T00:00:00Z", "%00"),
        *(
            "0001-01-01T00:00:00%2B23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-11-24T25:00:00Z",
            "2026-11-24T09:00:00+99:99",
        ),
    ],
)
def test_moment_of_another_form_is_refused(api: ApiClient, moment: str) -> None:
    assert wrong_fields(api.get(f"{MESSAGES}?since={moment}")) == {"since": "invalid"}


@pytest.mark.parametrize("limit", ["0", "201", "-1", "ten", "1.5", "", "9" * 5000])
def test_limit_outside_its_bounds_is_refused(api: ApiClient, limit: str) -> None:
    assert wrong_fields(api.get(f"{MESSAGES}?limit={limit}")) == {"limit": "invalid"}


def test_nul_in_a_filter_is_refused(api: ApiClient) -> None:
    answer = api.get(f"{MESSAGES}?q=%00&recipient=%00&tag=%00&account=%00")

    assert set(wrong_fields(answer)) == {"q", "recipient", "tag", "account"}


def test_request_id_follows_the_message(api: ApiClient, core: Core) -> None:
    answer = api.post(MESSAGES, letter(), headers={"X-Request-ID": "order-1041"})
    message_id = answer.get_json()["id"]

    assert answer.headers["X-Request-ID"] == "order-1041"
    assert api.get(f"{MESSAGES}/{message_id}").get_json()["request_id"] == "order-1041"
    assert ids(api, "q=order-1041") == [message_id]
    with core.database.read() as session:
        assert session.get_one(Message, message_id).request_id == "order-1041"


def test_nobody_submits_without_a_key(client: FlaskClient) -> None:
    problem_of(client.post(MESSAGES, json=letter()), 401, "unauthenticated")


def test_list_says_which_account_and_template_and_why(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    template = {"slug": "hello", "name": "Hello", "subject": "Hello", "text": "Hello."}
    assert api.post("/api/v1/templates", template).status_code == 201
    account_id = add_account(api, sink)
    made = api.post(MESSAGES, {"to": ["ann@example.com"], "template": "hello"}).get_json()["id"]
    send_all(core)
    assert api.post(f"/api/v1/accounts/{account_id}/pause").status_code == 200
    assert api.delete("/api/v1/templates/hello").status_code == 204
    post(api)
    send_all(core)

    [waits, sent] = api.get(MESSAGES).get_json()["items"]

    assert sent["id"] == made
    assert sent["template"] == {"slug": "hello", "version": 1, "locale": None}
    assert sent["last_account"] == {"id": account_id, "name": "Shop"}
    assert (sent["account"], sent["reason"]) == (None, None)
    assert (waits["template"], waits["last_account"], waits["reason"]) == (None, None, "paused")
    detail = api.get(f"{MESSAGES}/{made}").get_json()
    assert {name: detail[name] for name in sent} == sent


def test_list_asks_the_database_as_often_for_many_as_for_few(api: ApiClient, core: Core) -> None:
    template = {"slug": "hello", "name": "Hello", "subject": "Hello", "text": "Hello."}
    assert api.post("/api/v1/templates", template).status_code == 201
    for _ in range(12):
        assert api.post(MESSAGES, {"to": ["ann@example.com"], "template": "hello"}).status_code == 202
    send_all(core)

    def statements(limit: int) -> int:
        asked: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            assert len(api.get(f"{MESSAGES}?limit={limit}").get_json()["items"]) == limit
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return len(asked)

    statements(1)  # what is remembered afterwards
    assert statements(2) == statements(12)
