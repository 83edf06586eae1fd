from typing import Any

import pytest

from appliance.bootstrap import Core
from appliance.web.api.documents import MessageDetail
from appliance.web.api.template_documents import (
    TemplateDiff,
    TemplateDocument,
    TemplatePage,
    TemplatePreview,
    VersionDocument,
    VersionPage,
)
from tests.web.api.letters import MESSAGES, ids, send_all
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

TEMPLATES = "/api/v1/templates"


def template(**fields: Any) -> dict[str, Any]:
    return {
        "slug": "invoice",
        "name": "Invoice",
        "subject": "Invoice {{ number }}",
        "html": "<style>b { color: red }</style><p>Hello {{ name }}, <b>{{ number }}</b>.</p>",
        "variables": [
            {"name": "name", "type": "string", "default": "there", "example": "Ann"},
            {"name": "number", "type": "integer", "example": 1041},
        ],
        "locales": {"de": {"subject": "Rechnung {{ number }}", "text": "Hallo {{ name }}"}},
    } | fields


def content(**fields: Any) -> dict[str, Any]:
    made = template(**fields)
    del made["slug"]
    return made


@pytest.fixture
def invoice(api: ApiClient) -> str:
    answer = api.post(TEMPLATES, template(reason="First draft"))
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def put(api: ApiClient, path: str, **fields: Any) -> Any:
    return api._open("PUT", path, {"json": content(**fields)})


def message(**fields: Any) -> dict[str, Any]:
    return {"to": ["ann@example.com"], "template": "invoice", "variables": {"number": 7}} | fields


def test_template_is_created_and_shown(api: ApiClient, invoice: str) -> None:
    shown = api.get(invoice).get_json()

    TemplateDocument.model_validate(shown)
    assert invoice == f"{TEMPLATES}/invoice"
    assert (shown["slug"], shown["version"], shown["text"]) == ("invoice", 1, None)
    assert shown["locales"]["de"] == {"subject": "Rechnung {{ number }}", "html": None, "text": "Hallo {{ name }}"}
    assert shown["variables"][1] == {
        "name": "number",
        "type": "integer",
        "required": True,
        "default": None,
        "example": 1041,
        "description": "",
    }


def test_templates_are_listed_in_pages(api: ApiClient) -> None:
    for slug in ("a", "b", "c"):
        assert api.post(TEMPLATES, template(slug=slug)).status_code == 201

    first = api.get(f"{TEMPLATES}?limit=2").get_json()
    second = api.get(f"{TEMPLATES}?limit=2&cursor={first['next_cursor']}").get_json()

    TemplatePage.model_validate(first)
    assert [one["slug"] for one in first["items"] + second["items"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"slug": "In Voice"}, {"slug": "invalid"}),
        ({"slug": None}, {"slug": "invalid"}),
        ({"name": ""}, {"name": "invalid"}),
        ({"subject": ""}, {"subject": "required"}),
        ({"html": None}, {"html": "required"}),
        ({"html": "{% for %}"}, {"html": "invalid"}),
        ({"html": "{{ ''.__class__ }}"}, {"html": "invalid"}),
        ({"html": "{{ other }}"}, {"html": "invalid"}),
        ({"text": "\ud800"}, {"text": "invalid"}),
        ({"variables": [{"name": "1"}], "subject": "x", "html": "x", "locales": {}}, {"variables[0].name": "invalid"}),
        ({"variables": [{"name": "a", "type": "text"}]}, {"variables[0].type": "invalid"}),
        ({"variables": [{"name": "a", "requird": True}]}, {"variables[0].requird": "unknown_field"}),
        ({"locales": {"de": {"text": "x"}}}, {"locales.de.subject": "required"}),
        ({"locales": {"german": {"subject": "x", "text": "x"}}}, {"locales.german": "invalid"}),
        ({"titel": "x"}, {"titel": "unknown_field"}),
    ],
)
def test_field_that_is_not_right_is_named(api: ApiClient, fields: dict[str, Any], wrong: dict[str, str]) -> None:
    assert wrong_fields(api.post(TEMPLATES, template(**fields))) == wrong
    assert api.get(TEMPLATES).get_json()["items"] == []


def test_slug_that_is_taken_is_a_conflict(api: ApiClient, invoice: str) -> None:
    problem_of(api.post(TEMPLATES, template()), 409, "conflict")


def test_change_makes_a_version_with_author_and_reason(api: ApiClient, invoice: str) -> None:
    changed = put(api, invoice, subject="Bill {{ number }}", reason="Shorter").get_json()

    versions = api.get(f"{invoice}/versions").get_json()
    VersionPage.model_validate(versions)
    assert (changed["version"], changed["subject"]) == (2, "Bill {{ number }}")
    assert [(one["version"], one["author"], one["reason"]) for one in versions["items"]] == [
        (2, "acme", "Shorter"),
        (1, "acme", "First draft"),
    ]


def test_saving_the_same_and_renaming_make_no_version(api: ApiClient, invoice: str) -> None:
    assert put(api, invoice).get_json()["version"] == 1
    assert put(api, invoice, name="Bill").get_json() | {"updated_at": ""} == api.get(invoice).get_json() | {
        "updated_at": ""
    }
    assert api.get(invoice).get_json()["version"] == 1


def test_change_from_an_old_version_is_a_conflict(api: ApiClient, invoice: str) -> None:
    put(api, invoice, subject="Bill", base_version=1)

    problem_of(put(api, invoice, subject="Mine", base_version=1), 409, "conflict")


def test_versions_are_listed_in_pages_and_shown_one_by_one(api: ApiClient, invoice: str) -> None:
    for number in range(3):
        put(api, invoice, subject=f"Bill {number}")

    first = api.get(f"{invoice}/versions?limit=3").get_json()
    second = api.get(f"{invoice}/versions?limit=3&cursor={first['next_cursor']}").get_json()
    one = api.get(f"{invoice}/versions/2").get_json()

    assert [one["version"] for one in first["items"] + second["items"]] == [4, 3, 2, 1]
    VersionDocument.model_validate(one)
    assert one["subject"] == "Bill 0"
    problem_of(api.get(f"{invoice}/versions/9"), 404, "not_found")
    assert wrong_fields(api.get(f"{invoice}/versions/x")) == {"number": "invalid"}


def test_diff_tells_what_two_versions_say_differently(api: ApiClient, invoice: str) -> None:
    put(api, invoice, subject="Bill {{ number }}")

    told = api.get(f"{invoice}/diff?from=1&to=2").get_json()

    TemplateDiff.model_validate(told)
    assert list(told["parts"]) == ["subject"]
    assert "-Invoice {{ number }}\n+Bill {{ number }}" in told["parts"]["subject"]
    assert api.get(f"{invoice}/diff?from=1").get_json() == told
    assert wrong_fields(api.get(f"{invoice}/diff")) == {"from": "required"}


def test_rolling_back_makes_a_version(api: ApiClient, invoice: str) -> None:
    put(api, invoice, subject="Bill")

    back = api.post(f"{invoice}/rollback", {"version": 1, "reason": "It was better"}).get_json()

    assert (back["version"], back["subject"]) == (3, "Invoice {{ number }}")
    assert api.get(f"{invoice}/versions").get_json()["items"][0]["reason"] == "It was better"
    problem_of(api.post(f"{invoice}/rollback", {"version": 1}), 409, "wrong_state")
    problem_of(api.post(f"{invoice}/rollback", {"version": 9}), 404, "not_found")
    assert wrong_fields(api.post(f"{invoice}/rollback", {})) == {"version": "required"}


def test_preview_shows_what_a_message_would_say(api: ApiClient, invoice: str) -> None:
    shown = api.post(f"{invoice}/preview").get_json()

    TemplatePreview.model_validate(shown)
    assert shown["variables"] == {"name": "Ann", "number": 1041}
    assert shown["subject"] == "Invoice 1041"
    assert '<b style="color: red;">1041</b>' in shown["html"]
    assert shown["text"] == "Hello Ann, 1041.\n"


def test_preview_takes_variables_language_and_version(api: ApiClient, invoice: str) -> None:
    put(api, invoice, subject="Bill")

    shown = api.post(f"{invoice}/preview", {"variables": {"number": 2}, "locale": "de-AT", "version": 1}).get_json()

    assert (shown["subject"], shown["html"], shown["text"]) == ("Rechnung 2", None, "Hallo there")
    assert (shown["version"], shown["locale"]) == (1, "de")
    assert wrong_fields(api.post(f"{invoice}/preview", {"variables": {}})) == {"variables.number": "required"}
    assert ids(api) == []


def test_template_that_was_deleted_is_not_there_and_its_slug_is_free(api: ApiClient, invoice: str) -> None:
    assert api.delete(invoice).status_code == 204

    problem_of(api.get(invoice), 404, "not_found")
    problem_of(api.delete(invoice), 404, "not_found")
    problem_of(api.get(f"{invoice}/versions"), 404, "not_found")
    problem_of(api.post(f"{invoice}/preview"), 404, "not_found")
    assert wrong_fields(api.post(MESSAGES, message())) == {"template": "not_found"}
    assert api.post(TEMPLATES, template()).get_json()["version"] == 1


def test_scopes_open_what_they_say(make_api: MakeApi, api: ApiClient, invoice: str) -> None:
    reader, sender = make_api("read"), make_api("send")

    assert reader.get(invoice).status_code == 200
    assert reader.post(f"{invoice}/preview").status_code == 200
    assert sender.post(MESSAGES, message()).status_code == 202
    problem_of(reader.post(TEMPLATES, template(slug="b")), 403, "forbidden")
    problem_of(put(reader, invoice), 403, "forbidden")
    problem_of(reader.delete(invoice), 403, "forbidden")
    problem_of(reader.post(f"{invoice}/rollback", {"version": 1}), 403, "forbidden")
    problem_of(sender.get(invoice), 403, "forbidden")


# Messages made from templates


def test_message_says_what_its_template_makes_and_names_the_version(api: ApiClient, core: Core, invoice: str) -> None:
    answer = api.post(MESSAGES, message(variables={"number": 7, "name": "<Ann>"}, locale="fr"))
    put(api, invoice, subject="Changed")
    api.delete(invoice)
    send_all(core)

    shown = api.get(answer.headers["Location"]).get_json()
    MessageDetail.model_validate(shown)
    assert shown["status"] == "sent"
    assert shown["template"] == {"slug": "invoice", "version": 1, "locale": None}
    assert shown["subject"] == "Invoice 7"
    assert "Hello &lt;Ann&gt;" in shown["html"]
    assert shown["text"] == "Hello <Ann>, 7.\n"
    assert "Subject: Invoice 7" in api.get(f"{answer.headers['Location']}/raw").text


def test_messages_are_found_by_their_template(api: ApiClient, invoice: str) -> None:
    made = api.post(MESSAGES, message()).get_json()["id"]
    api.post(MESSAGES, {"to": ["ann@example.com"], "subject": "x", "text": "x"})

    assert ids(api, "template=invoice") == [made]
    assert ids(api, "template=other") == []
    assert len(ids(api)) == 2


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"template": "other"}, {"template": "not_found"}),
        ({"template": "\ud800"}, {"template": "invalid"}),
        ({"template": 1}, {"template": "invalid"}),
        ({"template": None}, {"variables": "invalid", "subject": "required", "text": "required"}),
        ({"template": None, "variables": {}, "subject": "x"}, {"text": "required"}),
        ({"template": None, "variables": {}, "subject": "x", "text": "x", "locale": "de"}, {"locale": "invalid"}),
        ({"subject": "x"}, {"subject": "invalid"}),
        ({"text": "x", "html": "x"}, {"text": "invalid", "html": "invalid"}),
        ({"variables": []}, {"variables": "invalid"}),
        ({"variables": {}}, {"variables.number": "required"}),
        ({"variables": {"number": "7"}}, {"variables.number": "invalid"}),
        ({"variables": {"number": 7, "x": 1}}, {"variables.x": "unknown_field"}),
        ({"variables": {"number": 10**30}}, {"template": "invalid"}),
        ({"locale": "klingon"}, {"locale": "invalid"}),
        ({"locale": f"de-x{'-1234567' * 8}"}, {"locale": "invalid"}),
        ({"to": []}, {"to": "required"}),
    ],
)
def test_field_of_a_message_that_is_not_right_is_named(
    api: ApiClient, fields: dict[str, Any], wrong: dict[str, str]
) -> None:
    html = "{{ name }}{{ number + 1 }}"
    assert api.post(TEMPLATES, template(html=html)).status_code == 201

    assert wrong_fields(api.post(MESSAGES, message(**fields))) == wrong
    assert ids(api) == []


def test_same_key_gives_the_first_answer_also_when_the_template_has_changed_or_gone(
    api: ApiClient, invoice: str
) -> None:
    def submit(**fields: Any) -> Any:
        return api.post(MESSAGES, message(**fields), headers={"Idempotency-Key": "order-1"})

    first = submit().get_json()
    put(api, invoice, subject="Changed")
    second = submit()
    api.delete(invoice)
    third = submit()

    assert second.get_json() == third.get_json() == first
    assert third.headers["Idempotent-Replay"] == "true"
    problem_of(submit(variables={"number": 8}), 409, "idempotency_key_reused")
    assert ids(api) == [first["id"]]


def test_dry_run_shows_what_the_template_makes(api: ApiClient, invoice: str) -> None:
    answer = api.post(f"{MESSAGES}?dry_run=true", message())

    assert answer.status_code == 200
    assert "Subject: Invoice 7" in answer.get_json()["raw"]
    assert wrong_fields(api.post(f"{MESSAGES}?dry_run=true", message(variables={}))) == {"variables.number": "required"}


def test_messages_of_a_batch_are_made_from_templates_one_by_one(api: ApiClient, invoice: str) -> None:
    answer = api.post(f"{MESSAGES}/batch", {"messages": [message(), message(variables={}), message(locale="de")]})

    results = answer.get_json()["results"]
    assert [one["field"] for one in results[1]["error"]["errors"]] == ["variables.number"]
    subjects = [api.get(f"{MESSAGES}/{results[index]['id']}").get_json()["subject"] for index in (0, 2)]
    assert subjects == ["Invoice 7", "Rechnung 7"]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        (
            {"slug": "No Slug", "name": "", "subject": "{{", "html": "{% for %}", "reason": "x" * 501},
            {"slug", "name", "subject", "html", "reason"},
        ),
        ({"name": None, "subject": 1, "html": "{{ nowhere }}", "slug": "A"}, {"name", "subject", "html", "slug"}),
        ({"name": 1, "html": None}, {"name", "html"}),
        ({"name": 1, "html": 2, "subject": "a\nb"}, {"name", "html", "subject"}),
        ({"subject": "", "html": "{{ nowhere }}", "text": "{% if %}"}, {"subject", "html", "text"}),
        (
            {"variables": [{"name": 1}, {"name": "1"}, {"name": "number"}, {"name": "n", "type": "x"}], "nam": 1},
            {"variables[0].name", "variables[1].name", "variables[3].type", "nam"},
        ),
        (
            {"locales": {"de": {"text": "x"}, "fr": {"subject": "{{", "text": "x"}, "en_us": {"subject": 1}}},
            {"locales.de.subject", "locales.fr.subject", "locales.en_us.subject"},
        ),
        ({"variables": {}, "subject": "{% %}"}, {"variables", "subject"}),
    ],
)
def test_whatever_is_wrong_is_named_at_once(api: ApiClient, changes: dict[str, Any], fields: set[str]) -> None:
    assert set(wrong_fields(api.post(TEMPLATES, template(**changes)))) == fields


def test_whatever_is_wrong_with_a_change_is_named_at_once(api: ApiClient, invoice: str) -> None:
    answer = put(api, invoice, name=1, subject="{{", base_version="2", html="{{ nowhere }}")

    assert set(wrong_fields(answer)) == {"name", "subject", "base_version", "html"}
    assert api.get(invoice).get_json()["version"] == 1
