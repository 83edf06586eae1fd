import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from appliance.bootstrap import Core
from appliance.web.api.documents import SuppressionDocument, SuppressionImport, SuppressionPage
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import MESSAGES, add_account, letter, post, send_all
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

SUPPRESSIONS = "/api/v1/suppressions"


def suppress(api: ApiClient, address: str = "ann@example.com", **fields: Any) -> dict[str, Any]:
    answer = api.post(SUPPRESSIONS, {"address": address} | fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.get_json()
    SuppressionDocument.model_validate(body)
    assert api.get(answer.headers["Location"]).get_json() == body
    return body


def addresses(api: ApiClient, query: str = "") -> list[str]:
    body = api.get(f"{SUPPRESSIONS}?{query}").get_json()
    SuppressionPage.model_validate(body)
    return [one["address"] for one in body["items"]]


def test_suppressed_address_is_described_and_found_in_any_spelling(api: ApiClient) -> None:
    later = datetime.now(UTC) + timedelta(days=1)

    made = suppress(api, "Ann@Example.COM", reason="asked", expires_at=later.isoformat())

    assert (made["address"], made["reason"], made["source"], made["stopped"]) == ("ann@example.com", "asked", "api", 0)
    assert api.get(f"{SUPPRESSIONS}/ANN@example.com").get_json() == made


@pytest.mark.parametrize(
    "address", ["a/b@example.com", "a//b@example.com", "/b@example.com", "//b@example.com", "b/@example.com"]
)
def test_address_may_have_slashes(api: ApiClient, address: str) -> None:
    """RFC 5321 allows them; encoded or not, they reach us the same."""
    made = suppress(api, address)

    for written in (quote(address, safe=""), quote(address, safe="/@"), made["id"]):
        assert api.get(f"{SUPPRESSIONS}/{written}").get_json() == made, written

    assert api.delete(f"{SUPPRESSIONS}/{quote(address, safe='')}").get_json()["address"] == address
    assert addresses(api) == []


def test_slashes_are_told_apart(api: ApiClient) -> None:
    suppress(api, "a/b@example.com")

    for other in ("a//b@example.com", "/a/b@example.com", "b@example.com"):
        problem_of(api.get(f"{SUPPRESSIONS}/{quote(other, safe='')}"), 404, "not_found")


def test_message_to_suppressed_recipient_is_accepted_and_says_so(api: ApiClient) -> None:
    suppress(api, "example.com", reason="closed")

    answer = api.post(MESSAGES, letter())

    assert (answer.status_code, answer.get_json()["status"]) == (202, "suppressed")
    shown = api.get(answer.headers["Location"]).get_json()
    assert shown["recipients"][0]["status"] == shown["reason"] == "suppressed"
    assert "ann@example.com (the whole domain example.com: closed)" in shown["explanation"]
    assert api.get(f"{SUPPRESSIONS}/example.com").get_json()["stopped"] == 1


def test_released_message_goes_out(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    suppress(api)
    post(api)

    answer = api.delete(f"{SUPPRESSIONS}/ann@example.com?release=true")
    send_all(core)

    assert answer.get_json() == {"address": "ann@example.com", "stopped": 1, "released": 1}
    assert sink.count == 1
    problem_of(api.get(f"{SUPPRESSIONS}/ann@example.com"), 404, "not_found")


def test_removing_without_release_sends_nothing(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    made = suppress(api)
    post(api)

    answer = api.delete(f"{SUPPRESSIONS}/{made['id']}")
    send_all(core)

    assert (answer.get_json()["released"], sink.count) == (0, 0)
    problem_of(api.delete(f"{SUPPRESSIONS}/{made['id']}"), 404, "not_found")


@pytest.mark.parametrize("key", ["nobody", "bob@example.com", "sup_01", "a b"])
def test_what_is_not_there_is_not_found(api: ApiClient, key: str) -> None:
    problem_of(api.get(f"{SUPPRESSIONS}/{key}"), 404, "not_found")
    problem_of(api.delete(f"{SUPPRESSIONS}/{key}"), 404, "not_found")


def test_every_wrong_field_is_named(api: ApiClient) -> None:
    body = {"address": "nobody", "reason": "a\nb", "expires_at": "2020-01-01T00:00:00Z"}

    assert set(wrong_fields(api.post(SUPPRESSIONS, body))) == {"address", "reason", "expires_at"}
    assert wrong_fields(api.post(SUPPRESSIONS, {"adress": "x"})) == {"address": "required", "adress": "unknown_field"}


def test_list_is_paged_and_filtered(api: ApiClient) -> None:
    for name in ("a", "b", "c"):
        suppress(api, f"{name}@example.com")
    import_csv(api, b"example.org\n")

    first = api.get(f"{SUPPRESSIONS}?limit=3").get_json()

    assert [one["address"][:1] for one in first["items"]] == ["e", "c", "b"]
    assert addresses(api, f"cursor={first['next_cursor']}") == ["a@example.com"]
    assert addresses(api, "source=import") == ["example.org"]
    assert addresses(api, "q=B@ex") == ["b@example.com"]


def import_csv(api: ApiClient, content: bytes) -> dict[str, Any]:
    answer = api._open("POST", f"{SUPPRESSIONS}/import", {"data": content, "content_type": "text/csv"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    SuppressionImport.model_validate(body)
    return body


def test_import_says_what_was_left_out(api: ApiClient) -> None:
    report = import_csv(api, b"email\nann@example.com\nnobody\n")

    assert (report["imported"], report["refused_count"], report["refused"][0]["line"]) == (1, 1, 3)
    assert addresses(api) == ["ann@example.com"]


def test_export_is_taken_back_by_the_import_as_a_file(api: ApiClient) -> None:
    suppress(api, "=cmd@example.com", reason="+1")
    exported = api.get(f"{SUPPRESSIONS}/export")

    data = {"file": (BytesIO(exported.data), "suppressions.csv")}
    answer = api._open("POST", f"{SUPPRESSIONS}/import", {"data": data})

    assert exported.mimetype == "text/csv"
    assert "attachment" in exported.headers["Content-Disposition"]
    assert b"'=cmd@example.com,'+1,api" in exported.data
    assert (answer.get_json()["imported"], addresses(api)) == (1, ["=cmd@example.com"])


@pytest.mark.parametrize("options", [{"json": {}}, {"data": {"other": (BytesIO(b"x"), "a.csv")}}, {}])
def test_import_without_a_file_is_refused(api: ApiClient, options: dict[str, Any]) -> None:
    assert wrong_fields(api._open("POST", f"{SUPPRESSIONS}/import", options)) == {"file": "required"}


def test_reading_needs_read_and_changing_needs_manage(make_api: MakeApi) -> None:
    reader, sender = make_api("read"), make_api("send")

    assert reader.get(SUPPRESSIONS).status_code == reader.get(f"{SUPPRESSIONS}/export").status_code == 200
    problem_of(sender.get(SUPPRESSIONS), 403, "forbidden")
    problem_of(reader.post(SUPPRESSIONS, {"address": "ann@example.com"}), 403, "forbidden")
    problem_of(reader.delete(f"{SUPPRESSIONS}/ann@example.com"), 403, "forbidden")
    problem_of(reader.post(f"{SUPPRESSIONS}/import"), 403, "forbidden")


def test_file_that_the_guide_shows_is_taken(api: ApiClient) -> None:
    guide = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```csv\n(.*?)```", guide, re.DOTALL)

    answer = api._open("POST", f"{SUPPRESSIONS}/import", {"data": shown, "headers": {"Content-Type": "text/csv"}})

    assert answer.get_json() == {"imported": 2, "refused_count": 0, "refused": []}
    domain = api.get(f"{SUPPRESSIONS}/example.org").get_json()
    assert (domain["reason"], domain["expires_at"]) == ("a whole domain, for a while", "2099-01-31T00:00:00.000Z")
