"""Attachments in the browser."""

from io import BytesIO

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.services.submission import Submitter
from tests.factories import submit_message
from tests.web.conftest import submit

PAGE = "/attachments"


def upload(core: Core, name: str = "terms.txt", content: bytes = b"What we agreed on.") -> str:
    return core.services.attachments.upload(name, "text/plain", content, None)


def test_without_any_the_page_says_how_to_get_some(alice: FlaskClient) -> None:
    page = alice.get(PAGE).text

    assert "There is no attachment." in page
    assert 'aria-current="page">Attachments' in page


def test_above_a_list_stands_a_way_to_the_form_below(alice: FlaskClient, core: Core) -> None:
    assert 'href="#upload-title"' not in alice.get(PAGE).text

    upload(core)

    page = alice.get(PAGE).text
    assert 'href="#upload-title"' in page
    assert 'id="upload-title"' in page


def test_a_file_is_uploaded_and_fetched_again(alice: FlaskClient) -> None:
    answer = submit(alice, PAGE, {"file": (BytesIO(b"What we agreed on."), "terms.txt")}, form_at=PAGE)

    page = alice.get(answer.headers["Location"]).text
    assert "terms.txt is uploaded." in page
    link = page.partition('<a class="main" href="')[2].partition('"')[0]
    fetched = alice.get(link)
    assert fetched.data == b"What we agreed on."
    assert fetched.headers["Content-Disposition"] == "attachment; filename=terms.txt"
    assert fetched.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose a file."),
        ({"file": (BytesIO(b"\x7fELF\x02\x01\x01" + b"\0" * 64), "program.txt")}, "program"),
    ],
    ids=["none", "a program"],
)
def test_what_is_refused_says_why(alice: FlaskClient, fields: dict[str, object], words: str) -> None:
    answer = submit(alice, PAGE, fields, form_at=PAGE)

    assert answer.status_code == 422
    assert words in answer.text.partition("file-error")[2]


def test_it_says_how_many_messages_have_that_content(alice: FlaskClient, core: Core) -> None:
    """A message keeps the file, not the upload that it was named by: a second upload of it stands for both."""
    file = core.services.attachments.named(upload(core), None, "attachments[0]", None)
    core.services.submission.submit(submit_message(attachments=(file,)), Submitter(None))
    upload(core, "the same.txt")

    page = alice.get(PAGE).text

    assert page.count('data-label="Messages with this content:">1</td>') == 2
    assert "Messages with this content</th>" in page


def test_deleting_takes_it_off_the_list_and_twice_is_harmless(alice: FlaskClient, core: Core) -> None:
    attachment = upload(core)

    for words in ("The attachment is deleted.", "That attachment was deleted already."):
        answer = submit(alice, f"{PAGE}/{attachment}/delete", {}, form_at=PAGE)
        assert words in alice.get(answer.headers["Location"]).text
    assert alice.get(f"{PAGE}/{attachment}/download").status_code == 404


def test_search_and_pages(alice: FlaskClient, core: Core) -> None:
    for number in range(51):
        upload(core, f"Invoice {number}.txt")
    upload(core, "terms.txt")

    page = alice.get(f"{PAGE}?q=INVOICE").text
    assert page.count('class="main"') == 50
    assert "terms.txt" not in page
    older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert alice.get(older).text.count('class="main"') == 1
