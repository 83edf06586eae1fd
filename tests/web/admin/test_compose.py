"""A message written by a person: nothing typed is lost, and a double click sends once."""

import html
import re
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.db.models import Message
from appliance.db.queries import attachments, messages
from appliance.db.queries.messages import Detail, Filters
from appliance.services.template_form import TemplateForm
from appliance.services.template_variables import Variable

TYPED = {"to": "ann@example.com", "subject": "Hello", "text": "Hello Ann"}


def hidden(page: str, name: str) -> list[str]:
    return re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)


def press(alice: FlaskClient, button: str, fields: dict[str, Any], page: str = "") -> TestResponse:
    """Posts the form as a browser does that has `page` before it."""
    page = page or alice.get("/compose").text
    kept = {name: hidden(page, name) for name in ("token", "attachment")}
    data = {"csrf_token": hidden(page, "csrf_token")[0], **kept, **fields, "do": button}
    return alice.post("/compose", data=data, headers={"Accept": "text/html"})


def sent_to(answer: TestResponse) -> str:
    assert answer.status_code == 302, answer.text
    return urlsplit(answer.headers["Location"]).path.rpartition("/")[2]


def detail(core: Core, message_id: str) -> Detail:
    with core.database.read() as session:
        found = messages.detail(session, message_id)
    assert found is not None
    return found


def all_messages(core: Core) -> list[Message]:
    with core.database.read() as session:
        return list(messages.page(session, Filters()).items)


@pytest.fixture
def template(core: Core) -> str:
    variables = (
        Variable("name", "string", True, None, "Ann", "Whom it greets."),
        Variable("count", "integer", True, None, 3),
        Variable("paid", "boolean", False, True),
        Variable("lines", "list", False),
    )
    form = TemplateForm(
        "Order",
        "Your {{ count }} parcels",
        "<p>Hello {{ name }}{% if paid %}, paid{% endif %}</p>{% for one in lines or [] %}<i>{{ one }}</i>{% endfor %}",
        None,
        variables,
    )
    core.services.templates.create("order", form, author="alice")
    return "order"


def test_a_message_is_sent_and_its_page_follows(alice: FlaskClient, core: Core) -> None:
    fields = {
        "to": 'Ann <ann@example.com>, "Smith, Bob" <bob@example.com>',
        "cc": "carol@example.com",
        "bcc": "dave@example.com",
        "sender": "Shop <shop@example.com>",
        "subject": "Hello",
        "html": "<p>Hello</p>",
        "tags": "one, two",
        "priority": "high",
        "send_at": "2100-01-02T03:04",
    }
    answer = press(alice, "send", fields | {"send_at": ""})

    found = detail(core, sent_to(answer))
    assert [(one.kind, one.email, one.name) for one in found.recipients] == [
        ("to", "ann@example.com", "Ann"),
        ("to", "bob@example.com", "Smith, Bob"),
        ("cc", "carol@example.com", ""),
        ("bcc", "dave@example.com", ""),
    ]
    assert (found.message.sender_email, found.message.tags, found.message.priority) == (
        "shop@example.com",
        ["one", "two"],
        0,
    )
    assert found.body is not None
    assert found.body.html == "<p>Hello</p>"
    assert "The message is accepted." in alice.get(answer.headers["Location"]).text


def test_a_double_click_sends_once(alice: FlaskClient, core: Core) -> None:
    page = alice.get("/compose").text

    first, second = press(alice, "send", TYPED, page), press(alice, "send", TYPED, page)

    assert sent_to(first) == sent_to(second)
    assert len(all_messages(core)) == 1


def test_a_form_that_was_sent_and_changed_asks_before_it_sends_another(alice: FlaskClient, core: Core) -> None:
    page = alice.get("/compose").text
    press(alice, "send", TYPED, page)

    again = press(alice, "send", TYPED | {"subject": "Another"}, page)
    third = press(alice, "send", TYPED | {"subject": "Another"}, again.text)

    assert again.status_code == 409
    assert "has sent a message already" in again.text
    assert detail(core, sent_to(third)).message.subject == "Another"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"to": ""}, "Name at least one recipient."),
        ({"to": "ann at home"}, "“ann at home” is no address."),
        ({"cc": "bob@"}, "“bob@” is no address."),
        ({"subject": " "}, "Give a subject."),
        ({"subject": "a\nBcc: eve@example.com"}, "A subject is one line of text."),
        ({"text": ""}, "Write a text, HTML or both."),
        ({"send_at": "tomorrow"}, "Give a date and a time such as"),
        ({"send_at": "2199-01-01T00:00"}, "A message can wait for a year"),
        ({"account": "acc_none"}, "There is no sender account"),
        ({"tags": "x" * 65}, "A tag has 1 to 64 printable characters."),
        ({"template": "none"}, "There is no such template any more."),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    alice: FlaskClient, core: Core, wrong: dict[str, str], words: str
) -> None:
    answer = press(alice, "send", {**TYPED, "sender": "kept@example.com", **wrong})

    assert answer.status_code == 422
    assert words in answer.text.replace("&#39;", "'")
    assert "is-invalid" in answer.text
    assert 'value="kept@example.com"' in answer.text
    assert all_messages(core) == []


def test_a_preview_shows_what_would_become_of_it_and_sends_nothing(alice: FlaskClient, core: Core) -> None:
    core.services.suppressions.add("bob@example.com", "asked us to", source="manual")
    answer = press(alice, "preview", TYPED | {"to": "ann@example.com, bob@example.com", "html": "<b>bold</b><script>"})

    token = hidden(answer.text, "token")[0]
    frame = alice.get(f"/compose/preview/{token}")
    assert answer.status_code == 200
    assert "Nothing is sent yet." in answer.text
    assert "bob@example.com <span" in answer.text
    assert frame.text == "<b>bold</b><script>"
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert all_messages(core) == []


def test_a_preview_is_its_own_makers_only(alice: FlaskClient) -> None:
    assert alice.get("/compose/preview/guessed").status_code == 404


def test_files_are_kept_while_something_else_is_wrong(alice: FlaskClient, core: Core) -> None:
    files = {"files": (BytesIO(b"%PDF-1.7 some pages"), "invoice.pdf")}
    wrong = press(alice, "send", {**TYPED, "to": "", **files})

    answer = press(alice, "send", TYPED, wrong.text)

    with core.database.read() as session:
        [file] = attachments.of_message(session, sent_to(answer))
    assert "invoice.pdf" in wrong.text
    assert (file.filename, file.size) == ("invoice.pdf", 19)


def test_a_file_is_taken_out_again(alice: FlaskClient) -> None:
    files = {"files": (BytesIO(b"some text"), "notes.txt")}
    page = press(alice, "template", {**TYPED, **files}).text
    [file_id] = hidden(page, "attachment")

    answer = press(alice, f"remove:{file_id}", TYPED, page)

    assert "notes.txt" in page
    assert "notes.txt" not in answer.text
    assert 'value="Hello"' in answer.text


def test_a_file_of_a_forbidden_type_is_refused_beside_the_field(alice: FlaskClient, core: Core) -> None:
    answer = press(alice, "send", {**TYPED, "files": (BytesIO(b"MZ\x90\x00"), "virus.exe")})

    assert answer.status_code == 422
    assert "virus.exe: " in answer.text
    assert all_messages(core) == []


def test_a_template_asks_for_its_variables(alice: FlaskClient, template: str) -> None:
    page = alice.get(f"/compose?template={template}&to=ann@example.com").text

    assert 'name="variable.name"' in page
    assert "Whom it greets." in page
    assert '<option value="true" selected>' in page  # the default
    assert 'value="ann@example.com"' in page
    assert 'name="subject"' not in page


def test_its_examples_are_filled_in(alice: FlaskClient, template: str) -> None:
    page = alice.get(f"/compose?template={template}&examples=1").text

    assert 'value="Ann"' in page
    assert 'value="3"' in page


def test_a_message_is_made_from_a_template(alice: FlaskClient, core: Core, template: str) -> None:
    values = {"variable.name": "Bob", "variable.count": "2", "variable.paid": "false", "variable.lines": '["a", "b"]'}

    answer = press(alice, "send", {"to": "bob@example.com", "template": template, **values})

    found = detail(core, sent_to(answer))
    assert found.message.subject == "Your 2 parcels"
    assert found.body is not None
    assert "Hello Bob</p><i>a</i><i>b</i>" in (found.body.html or "")
    assert found.template_slug == template


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"variable.name": "Bob"}, "The template needs this."),
        ({"variable.name": "Bob", "variable.count": "two"}, "Give a whole number."),
        ({"variable.name": "Bob", "variable.count": "2", "variable.lines": "a, b"}, "Write a JSON list"),
    ],
)
def test_a_wrong_variable_is_blamed_beside_it(
    alice: FlaskClient, core: Core, template: str, values: dict[str, str], words: str
) -> None:
    answer = press(alice, "send", {"to": "bob@example.com", "template": template, **values})

    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Bob"' in answer.text
    assert all_messages(core) == []


def test_choosing_a_template_keeps_what_was_typed(alice: FlaskClient, template: str) -> None:
    answer = press(alice, "template", TYPED | {"template": template})
    back = press(alice, "template", {"to": "ann@example.com", "subject": "Hello", "text": "Hello Ann"}, answer.text)

    assert hidden(answer.text, "subject") == ["Hello"]
    assert hidden(answer.text, "text") == ["Hello Ann"]
    assert ">Hello Ann</textarea>" in back.text.replace("\r\n", "")


def test_a_form_begins_from_another_message(alice: FlaskClient, core: Core) -> None:
    to = '"Smith, Ann" <ann@example.com>'
    first = sent_to(press(alice, "send", TYPED | {"to": to, "bcc": "eve@example.com", "tags": "one, two"}))

    page = alice.get(f"/compose?copy={first}").text
    typed = {name: html.unescape(found) for name, found in re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', page)}
    second = sent_to(press(alice, "send", {**typed, "text": "Hello again"}, page))

    assert "Attachments are not taken along" in page
    assert ">Hello Ann</textarea>" in page.replace("\r\n", "")
    assert second != first
    assert [(one.kind, one.email, one.name) for one in detail(core, second).recipients] == [
        ("to", "ann@example.com", "Smith, Ann"),
        ("bcc", "eve@example.com", ""),
    ]


def test_a_form_begins_from_no_message_that_there_is_not(alice: FlaskClient) -> None:
    assert alice.get("/compose?copy=msg_none").status_code == 404


def test_a_file_that_is_gone_meanwhile_is_not_left_out_in_silence(alice: FlaskClient, core: Core) -> None:
    page = press(alice, "template", {**TYPED, "files": (BytesIO(b"some text"), "notes.txt")}).text
    core.services.attachments.delete(hidden(page, "attachment")[0], None)

    answer = press(alice, "send", TYPED, page)

    assert answer.status_code == 422
    assert "A file that was attached has expired." in answer.text
    assert all_messages(core) == []


def test_a_priority_that_there_is_not_is_refused_beside_its_field(alice: FlaskClient, core: Core) -> None:
    answer = press(alice, "send", {**TYPED, "priority": "bogus"})

    assert answer.status_code == 422
    assert "Choose a priority from the list." in answer.text
    assert all_messages(core) == []


@pytest.mark.parametrize("name", ["text", "html"])
def test_what_no_database_stores_is_refused(alice: FlaskClient, core: Core, name: str) -> None:
    answer = press(alice, "send", {**TYPED, name: "Hello\0Ann"})

    assert answer.status_code == 400
    assert all_messages(core) == []
