"""What a message consists of: HTML, source, download, attachments."""

import hashlib

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.services.attachments import StoredFile
from appliance.services.intake import Address
from appliance.web.admin import message_parts
from tests.web.admin.conftest import Submit
from tests.web.admin.test_messages import set_state
from tests.web.conftest import MakePerson

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c63000100000500010d0a2db4"
)


def stored(core: Core, content: bytes, filename: str, content_id: str | None = None) -> StoredFile:
    file = core.services.attachments.store(filename, None, content, "file")
    return StoredFile(file.filename, file.content_type, file.size, file.sha256, content_id)


def test_the_source_is_shown_with_its_headers(alice: FlaskClient, submit_message: Submit) -> None:
    message_id = submit_message(subject="Héllo", bcc=(Address("eve@example.com"),), headers={"X-Order": "1041"})

    page = alice.get(f"/messages/{message_id}/source").text

    assert "<dt>Subject</dt><dd>Héllo</dd>" in page
    assert "<dt>X-Order</dt><dd>1041</dd>" in page
    assert "Subject: =?utf-8?" in page
    assert "eve@example.com" not in page


def test_a_long_source_is_shown_in_part(
    alice: FlaskClient, submit_message: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_parts, "SOURCE_SHOWN", 50)

    page = alice.get(f"/messages/{submit_message(text='the end of it')}/source").text

    assert "The first part of it" in page
    assert "the end of it" not in page


def test_the_source_of_a_message_whose_content_is_gone_says_why(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="sent", due_at=None, content_removed_at=utc_now())

    assert "The content of the message is no longer kept" in alice.get(f"/messages/{message_id}/source").text


def test_the_message_is_downloaded_as_it_goes_out(alice: FlaskClient, submit_message: Submit) -> None:
    message_id = submit_message(text="Hello Ann")

    answer = alice.get(f"/messages/{message_id}/raw")

    assert answer.headers["Content-Type"] == "message/rfc822"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={message_id}.eml"
    assert b"Hello Ann" in answer.data


def test_an_attachment_is_downloaded_and_never_shown(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message(attachments=(stored(core, b"some text", "notes.txt"),))

    page = alice.get(f"/messages/{message_id}").text
    answer = alice.get(f"/messages/{message_id}/attachments/0")

    assert f'href="/messages/{message_id}/attachments/0"' in page
    assert answer.data == b"some text"
    assert answer.headers["Content-Disposition"] == "attachment; filename=notes.txt"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert alice.get(f"/messages/{message_id}/attachments/1").status_code == 404


def test_images_of_its_own_are_part_of_the_html(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message(
        html='<img src="cid:logo">', attachments=(stored(core, PIXEL, "logo.png", content_id="logo"),)
    )

    frame = alice.get(f"/messages/{message_id}/html")

    assert "data:image/png;base64," in frame.text
    assert hashlib.sha256(PIXEL).hexdigest() not in frame.text
    assert frame.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; img-src data:;")


def test_a_viewer_may_look_at_all_of_it(make_person: MakePerson, submit_message: Submit, core: Core) -> None:
    message_id, bob = (
        submit_message(attachments=(stored(core, b"some text", "notes.txt"),)),
        make_person("bob", "viewer"),
    )

    for path in ("", "/source", "/raw", "/attachments/0"):
        assert bob.get(f"/messages/{message_id}{path}").status_code == 200
