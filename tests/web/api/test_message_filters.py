import pytest
from sqlalchemy import text

from appliance.bootstrap import Core
from appliance.db.queries import message_search, messages
from tests.web.api.letters import MESSAGES, ids, post
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi


def test_key_reason_subject_and_domain_select(api: ApiClient, core: Core) -> None:
    plain = post(api)
    special = post(api, to=["Zoe@example.org"], subject="Invoice 1041")
    core.database.write(lambda session: session.execute(text("UPDATE messages SET api_key_id = 'key_other'")))
    own = post(api)
    core.database.write(
        lambda session: session.execute(text("UPDATE messages SET reason = 'quota' WHERE id = :id"), {"id": plain})
    )

    assert ids(api, "key=key_other") == [special, plain]
    assert ids(api, "reason=quota") == [plain]
    assert ids(api, "subject=voice+10") == [special]
    assert ids(api, f"subject={own}") == []
    assert ids(api, "recipient=@Example.org") == ids(api, "recipient=zoe@exa") == [special]


def test_reason_is_one_of_a_closed_list(api: ApiClient) -> None:
    assert wrong_fields(api.get(f"{MESSAGES}?reason=weather")) == {"reason": "invalid"}


def test_key_without_manage_may_not_ask_for_a_key(make_api: MakeApi) -> None:
    answer = make_api("read").get(f"{MESSAGES}?key=key_1")

    problem_of(answer, 403, "forbidden")


def test_key_without_manage_finds_only_its_own(api: ApiClient, make_api: MakeApi) -> None:
    other = make_api("send", "read")
    post(api, subject="Invoice 1", tags=["vip"])
    own = post(other, subject="Invoice 2", tags=["vip"])

    assert ids(other, "q=invoice") == ids(other, "tag=vip") == ids(other, "recipient=ann") == [own]


def test_page_may_be_empty_and_have_a_cursor_that_leads_on(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", 2)
    wanted = post(api, metadata={"n": 1})
    for _ in range(3):
        post(api)

    first = api.get(f"{MESSAGES}?metadata.n=1").get_json()
    second = api.get(f"{MESSAGES}?metadata.n=1&cursor={first['next_cursor']}").get_json()

    assert first["items"] == []
    assert [one["id"] for one in second["items"]] == [wanted]


def test_search_that_takes_too_long_is_given_up_with_the_remedy(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(api)
    monkeypatch.setattr(messages, "page", _endlessly)

    answer = api.get(MESSAGES)

    problem_of(answer, 503, "query_too_slow")


def _endlessly(session: object, *_: object, **__: object) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    session.scalar(text(endless))  # type: ignore[attr-defined]


def test_account_that_there_never_was_fits_no_message_and_a_deleted_one_its_own(api: ApiClient) -> None:
    account = {"name": "Shop", "email": "shop@example.com", "transport": "mailbox"}
    account_id = api.post("/api/v1/accounts", account).get_json()["id"]
    sent = post(api, account=account_id)
    assert api.delete(f"/api/v1/accounts/{account_id}").status_code == 204

    assert ids(api, f"account={account_id}") == [sent]
    assert ids(api, "account=zz") == []


def test_metadata_without_a_key_is_refused_with_the_remedy(api: ApiClient) -> None:
    [error] = problem_of(api.get(f"{MESSAGES}?metadata.=1"), 422, "invalid_fields")["errors"]

    assert error["field"] == "metadata."
    assert "metadata.order=1041" in error["message"]
