"""The pages of templates."""

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from appliance.bootstrap import Core
from appliance.db.models import User
from appliance.db.queries import templates
from appliance.mail.templating import Source
from appliance.services.intake import Address
from appliance.services.submission import SubmitMessage, Submitter
from appliance.services.submit_message import TemplateReference
from tests.services.templates import template_form
from tests.web.conftest import submit

FIELDS = {
    "slug": "invoice",
    "name": "Invoice",
    "subject": "Invoice {{ number }}",
    "html": "<p>Hello {{ name }}</p>\r\n<p>second</p>",
    "text": "",
    "variables-0-name": "name",
    "variables-0-type": "string",
    "variables-0-default": "there",
    "variables-0-example": "Ann",
    "variables-1-name": "number",
    "variables-1-type": "integer",
    "variables-1-required": "y",
    "variables-1-example": "1041",
    "variables-2-name": "",
    "variables-2-type": "string",
    "locales-0-locale": "ZH_cn",
    "locales-0-subject": "发票 {{ number }}",
    "locales-0-html": "",
    "locales-0-text": "你好",
    "reason": "First draft",
}


@pytest.fixture
def invoice(core: Core) -> str:
    core.services.templates.create("invoice", template_form(), author="alice", reason="First draft")
    return "/templates/invoice"


def create(alice: FlaskClient, **fields: str) -> Any:
    return submit(alice, "/templates/new", FIELDS | {name.replace("__", "-"): value for name, value in fields.items()})


def change(alice: FlaskClient, **fields: str) -> Any:
    own = {name: value for name, value in FIELDS.items() if not name.startswith("locales")}
    return submit(alice, "/templates/invoice/edit", own | fields)


def test_without_templates_the_page_says_what_to_do(alice: FlaskClient) -> None:
    page = alice.get("/templates").text

    assert "There is no template yet." in page
    assert 'aria-current="page">Templates' in page


def test_template_is_written_in_a_form(alice: FlaskClient, core: Core) -> None:
    answer = create(alice)

    assert answer.headers["Location"] == "/templates/invoice"
    page = alice.get("/templates/invoice").text
    assert "The template is created." in page
    assert "Invoice 1041" in page
    with core.database.read() as session:
        template = templates.by_slug(session, "invoice")
        assert template is not None
        version = templates.version(session, template.id, 1)
        assert version is not None
    assert (version.author, version.reason) == ("alice", "First draft")
    assert (version.html, version.text) == ("<p>Hello {{ name }}</p>\n<p>second</p>", None)
    assert [(one["name"], one["default"], one["example"], one["required"]) for one in version.variables] == [
        ("name", "there", "Ann", False),
        ("number", None, 1041, True),
    ]
    assert version.locales == {"zh-CN": {"subject": "发票 {{ number }}", "html": None, "text": "你好"}}
    assert "Invoice</a>" in alice.get("/templates").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"slug": "In Voice"}, "Use lower-case letters"),
        ({"name": ""}, "Give a name."),
        ({"subject": ""}, "Give a subject."),
        ({"html": "{% for %}"}, "Line 1: "),
        ({"html": "{{ other }}"}, "the variable 'other', which is not declared"),
        ({"variables__1__example": "many"}, "Write it as JSON: 1041."),
        ({"variables__1__example": "1.5"}, "Expected a whole number"),
        ({"variables__1__name": "1"}, "a letter first"),
        ({"locales__0__locale": "chinese"}, "Give a language"),
        ({"locales__0__text": "{{ y }}"}, "the variable 'y'"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(
    alice: FlaskClient, core: Core, fields: dict[str, str], words: str
) -> None:
    answer = create(alice, **fields)

    assert answer.status_code == 422
    page = html.unescape(answer.text)
    assert words in page
    assert "发票 {{ number }}" in page
    with core.database.read() as session:
        assert templates.page(session)[0] == []


def test_form_that_comes_back_has_no_more_empty_rows_than_before(alice: FlaskClient) -> None:
    def rows(page: str) -> tuple[int, int]:
        return len(re.findall(r'name="variables-\d+-name"', page)), len(re.findall(r'name="locales-\d+-locale"', page))

    room = rows(alice.get("/templates/new").text)
    sent = {f"variables-{index}-name": "" for index in range(room[0])} | {"locales-0-locale": ""}

    empty = submit(alice, "/templates/new", sent)
    one_taken = submit(alice, "/templates/new", sent | {"variables-0-name": "number", "locales-0-locale": "zh"})

    assert (empty.status_code, rows(empty.text)) == (422, room)
    assert rows(one_taken.text) == (room[0] + 1, room[1] + 1)


def test_slug_that_is_taken_is_said_beside_it(alice: FlaskClient, invoice: str) -> None:
    answer = create(alice)

    assert answer.status_code == 409
    assert "Choose another slug" in answer.text


def test_form_shows_what_there_is_and_saving_it_makes_no_version(alice: FlaskClient, core: Core) -> None:
    locales = {"de": Source("Rechnung", text="x")}
    core.services.templates.create("invoice", template_form(locales=locales), author="alice")

    page = alice.get("/templates/invoice/edit").text

    assert 'value="Invoice {{ number }}"' in page
    assert 'value="1041"' in page
    assert "<summary>de</summary>" in page
    fields = {
        "name": "Invoice",
        "subject": "Invoice {{ number }}",
        "html": "<p>Hello {{ name }}, invoice {{ number }}.</p>",
        "base_version": "1",
        "variables-0-name": "name",
        "variables-0-type": "string",
        "variables-0-required": "y",
        "variables-0-default": "there",
        "variables-0-example": "Ann",
        "variables-1-name": "number",
        "variables-1-type": "integer",
        "variables-1-required": "y",
        "variables-1-example": "1041",
        "locales-0-locale": "de",
        "locales-0-subject": "Rechnung",
        "locales-0-text": "x",
    }
    answer = submit(alice, "/templates/invoice/edit", fields)
    assert "there is no new version" in alice.get(answer.headers["Location"]).text


def test_change_is_a_version_that_can_be_compared(alice: FlaskClient, invoice: str) -> None:
    answer = change(alice, subject="Bill {{ number }}", base_version="1", reason="Shorter")

    page = alice.get(answer.headers["Location"]).text
    assert "The template is changed" in page
    assert "Shorter" in page
    diff = alice.get("/templates/invoice/diff?from=1&to=2").text
    assert "<del>Invoice {{ number }}</del>" in diff
    assert "<ins>Bill {{ number }}</ins>" in diff


def test_change_from_an_old_version_is_not_saved(alice: FlaskClient, core: Core, invoice: str) -> None:
    core.services.templates.change("invoice", template_form(subject="Bill"), author="bob")

    answer = change(alice, base_version="1")

    assert answer.status_code == 409
    assert "Somebody else changed the template meanwhile" in answer.text


def test_going_back_makes_a_version_with_its_reason(alice: FlaskClient, core: Core, invoice: str) -> None:
    core.services.templates.change("invoice", template_form(subject="Bill"), author="bob")

    answer = submit(alice, f"{invoice}/rollback", {"version": "1", "reason": "It was better"}, form_at=invoice)

    page = alice.get(answer.headers["Location"]).text
    assert "as version 3" in page
    assert "It was better" in page
    again = submit(alice, f"{invoice}/rollback", {"version": "1"}, form_at=invoice)
    assert "Nothing was changed" in alice.get(again.headers["Location"]).text


def test_preview_is_shown_with_examples_or_with_what_is_given(alice: FlaskClient, invoice: str) -> None:
    assert "Invoice 1041" in alice.get(invoice).text
    page = alice.get(invoice, query_string={"variables": '{"number": 8}'}).text
    assert "Invoice 8" in page
    assert "Hello there, invoice 8." in page


def test_its_html_is_shown_in_a_frame_that_nothing_gets_out_of(alice: FlaskClient, invoice: str) -> None:
    page = alice.get(invoice).text
    answer = alice.get(f"{invoice}/html", query_string={"variables": '{"number": 8, "name": "<script>"}'})

    assert 'sandbox title="The HTML that this template makes" src="/templates/invoice/html?version=1"' in page
    assert answer.text == "<p>Hello &lt;script&gt;, invoice 8.</p>"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"variables": "{"}, "This is not JSON"),
        ({"variables": "[1]"}, "Write a JSON object"),
        ({"variables": "{}"}, "variables.number"),
        ({"variables": "[" * 90_000}, "This is not JSON"),
        ({"locale": "klingon"}, "Give a language"),
    ],
)
def test_preview_that_fails_says_why(alice: FlaskClient, invoice: str, query: dict[str, str], words: str) -> None:
    answer = alice.get(invoice, query_string=query)

    assert answer.status_code == 200
    assert words in answer.text
    assert alice.get(f"{invoice}/html", query_string=query).status_code == 404


@pytest.mark.parametrize("path", ["", "/edit", "/html", "/diff"])
def test_template_that_is_not_there_is_a_404(alice: FlaskClient, path: str) -> None:
    assert alice.get(f"/templates/nothing{path}").status_code == 404


@pytest.mark.parametrize("version", ["0", "-1", "9", "99999999999999999999"])
def test_version_that_is_not_there_is_a_404(alice: FlaskClient, invoice: str, version: str) -> None:
    assert alice.get(f"{invoice}?version={version}").status_code == 404


def test_deleting_asks_once_and_leads_to_the_list(alice: FlaskClient, invoice: str) -> None:
    answer = submit(alice, f"{invoice}/delete", {}, form_at=invoice)

    assert "The template is deleted." in alice.get(answer.headers["Location"]).text
    assert alice.get(invoice).status_code == 404


def test_message_names_the_template_that_it_was_made_from(alice: FlaskClient, core: Core, invoice: str) -> None:
    command = SubmitMessage(
        to=(Address("ann@example.com"),), subject="", template=TemplateReference("invoice", {"number": 7})
    )
    accepted = core.services.submission.submit(command, Submitter(None))

    assert "invoice</a>, version 1" in alice.get(f"/messages/{accepted.id}").text
    assert "Invoice 7" in alice.get("/messages?template=invoice").text
    assert "There is no such template." in alice.get("/messages?template=other").text


def test_preview_of_the_editor_shows_what_is_not_saved(alice: FlaskClient, core: Core) -> None:
    answer = preview(alice, html="<p>{{ name }}, {{ nobody }}</p>", subject="Bill {{ number }}")

    made = answer.json
    assert answer.status_code == 200
    assert made["subject"] == "Bill 1041"
    assert (made["undefined"], made["unused"], made["faults"]) == (["nobody"], [], [])
    frame = alice.get(made["frame"])
    assert frame.text == "<p>Ann, ⟨nobody⟩</p>"
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    with core.database.read() as session:
        assert templates.page(session)[0] == []


def test_preview_of_half_a_template_says_what_is_wrong(alice: FlaskClient) -> None:
    made = preview(alice, html="<p>{% if name %}", **{"variables-1-example": "many"}).json

    assert (made["subject"], made["frame"]) == (None, None)
    assert {one["field"] for one in made["faults"]} == {"html", "variables[1].example"}
    assert made["unused"] == ["name"]


def test_preview_shows_the_language_that_is_asked_for(alice: FlaskClient) -> None:
    made = preview(alice, preview_locale="zh-CN").json

    assert made["subject"] == "发票 1041"


def test_without_a_script_a_button_shows_the_preview_and_saves_nothing(alice: FlaskClient, core: Core) -> None:
    answer = create(alice, html="<p>{{ name }} {{ nobody }}</p>", preview="y")

    page = answer.text
    assert answer.status_code == 200
    assert '<li class="undefined"><code>nobody</code>' in page
    assert alice.get(
        page.partition('sandbox title="The HTML that this template makes" src="')[2].partition('"')[0]
    ).text
    with core.database.read() as session:
        assert templates.page(session)[0] == []


def test_preview_of_a_change_starts_from_the_form(alice: FlaskClient, invoice: str) -> None:
    answer = change(alice, subject="Bill {{ number }}", preview="y")

    assert '<dd id="made-subject">Bill 1041</dd>' in answer.text
    assert "Invoice 1041" in alice.get(invoice).text


def test_preview_that_is_not_kept_any_more_is_a_404(alice: FlaskClient) -> None:
    assert alice.get("/templates/-/html/nothing").status_code == 404


def test_duplicate_is_a_form_with_all_of_it_and_another_slug(alice: FlaskClient, invoice: str) -> None:
    page = alice.get("/templates/new?from=invoice").text

    assert 'value="invoice-copy"' in page
    assert 'value="Invoice {{ number }}"' in page
    assert 'value="1041"' in page
    assert alice.get("/templates/new?from=nothing").status_code == 404


def test_preview_takes_each_variable_from_its_field(alice: FlaskClient, invoice: str) -> None:
    page = alice.get(invoice, query_string={"value-name": "Bob", "value-number": "8"}).text
    assert "Hello Bob, invoice 8." in page
    assert 'name="value-name" value="Bob"' in page

    page = alice.get(invoice, query_string={"value-name": "Bob", "value-number": "many"}).text
    assert "This is no value of the type integer." in page


def test_test_message_is_made_from_the_fields(alice: FlaskClient, core: Core, invoice: str) -> None:
    fields = {"to": "ann@example.com", "value-name": "Bob", "value-number": "8"}

    answer = submit(alice, f"{invoice}/test", fields, form_at=invoice)

    page = alice.get(answer.headers["Location"]).text
    assert "Invoice 8" in page
    assert "ann@example.com" in page


@pytest.mark.parametrize(("to", "number", "words"), [("ann", "8", "ann"), ("ann@example.com", "", "variables.number")])
def test_test_message_that_cannot_be_made_says_why_and_keeps_the_form(
    alice: FlaskClient, invoice: str, to: str, number: str, words: str
) -> None:
    fields = {"to": to, "value-name": "Bob", "value-number": number}

    answer = submit(alice, f"{invoice}/test", fields, form_at=invoice)

    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Bob"' in answer.text


def test_versions_stand_beside_each_other(alice: FlaskClient, core: Core, invoice: str) -> None:
    core.services.templates.change("invoice", template_form(text="one\ntwo"), author="bob")

    page = alice.get(f"{invoice}/diff?from=1&to=2").text

    assert page.count('class="row-of added"') == 2
    assert "<ins>two</ins>" in page
    assert "Version 2 was made" in page


def test_viewers_look_and_write_nothing(alice: FlaskClient, core: Core, invoice: str) -> None:
    core.database.write(lambda session: session.execute(update(User).values(role="viewer")) and None)

    page = alice.get(invoice).text
    assert "Invoice 1041" in page
    forms = ("Delete it", "Duplicate", "Send a test message", "Go back to this version")
    assert not any(words in page for words in forms)
    for path in (f"{invoice}/edit", "/templates/new"):
        assert alice.get(path).status_code == 403
    assert submit(alice, f"{invoice}/test", {"to": "ann@example.com"}, form_at=invoice).status_code == 403
    assert preview(alice).status_code == 403


def preview(alice: FlaskClient, **fields: str) -> Any:
    return submit(alice, "/templates/-/preview", FIELDS | fields, form_at="/templates")
