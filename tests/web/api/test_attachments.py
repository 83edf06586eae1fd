import base64
import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.config.settings import Settings
from appliance.web.api.documents import AttachmentDocument
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import MESSAGES, add_account, ids, letter, post, send_all
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient, MakeApi

ATTACHMENTS = "/api/v1/attachments"
CONTENT = b"%PDF-1.7 an invoice"


def upload(api: ApiClient, content: bytes = CONTENT, filename: str = "invoice.pdf", **fields: Any) -> TestResponse:
    return api._open("POST", ATTACHMENTS, {"data": {"file": (BytesIO(content), filename), **fields}})


def uploaded(api: ApiClient, **options: Any) -> str:
    answer = upload(api, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])


def test_uploaded_file_is_described(api: ApiClient) -> None:
    answer = upload(api)

    assert answer.status_code == 201
    made = answer.get_json()
    AttachmentDocument.model_validate(made)
    assert (made["filename"], made["size"], made["content_type"]) == ("invoice.pdf", len(CONTENT), "application/pdf")
    assert made["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert api.get(answer.headers["Location"]).get_json() == made


def test_uploaded_file_goes_out_with_many_messages(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    attachment_id = uploaded(api)
    for _ in range(2):
        post(api, attachments=[{"id": attachment_id}])

    send_all(core)

    encoded = base64.encodebytes(CONTENT).strip()
    assert [encoded in one.data for one in sink.messages] == [True, True]


def test_name_that_could_fool_is_made_harmless(api: ApiClient) -> None:
    assert upload(api, filename="../../etc/passwd\u202efdp").get_json()["filename"] == "passwd_fdp"


@pytest.mark.parametrize(
    "options",
    [
        {"data": b"", "content_type": "multipart/form-data"},
        {"data": b"garbage", "content_type": "multipart/form-data; boundary=x"},
        {"json": {"file": "x"}},
        {"data": {"file": "a text, no file"}},
        {"data": {"other": (BytesIO(CONTENT), "a.pdf")}},
        {"data": {"file": (BytesIO(CONTENT), "a.pdf"), "second": (BytesIO(CONTENT), "b.pdf")}},
    ],
)
def test_upload_without_exactly_one_file_is_refused(api: ApiClient, options: dict[str, Any]) -> None:
    assert wrong_fields(api._open("POST", ATTACHMENTS, options)) == {"file": "required"}


def test_file_over_the_limit_is_refused(api: ApiClient) -> None:
    assert wrong_fields(upload(api, b"x" * (10 * 1024 * 1024 + 1))) == {"file": "too_large"}


def test_files_that_are_too_large_together_are_refused(api: ApiClient) -> None:
    attachment_id = uploaded(api, content=CONTENT.ljust(9 * 1024 * 1024))

    answer = api.post(MESSAGES, letter(attachments=[{"id": attachment_id}] * 3))

    assert wrong_fields(answer) == {"attachments": "too_large"}
    assert ids(api) == []


def test_file_of_another_program_is_not_there(make_api: MakeApi) -> None:
    ours, theirs = make_api("send"), make_api("send")
    attachment_id = uploaded(theirs)

    problem_of(ours.get(f"{ATTACHMENTS}/{attachment_id}"), 404, "not_found")
    problem_of(ours.delete(f"{ATTACHMENTS}/{attachment_id}"), 404, "not_found")
    answer = ours.post(MESSAGES, letter(attachments=[{"id": attachment_id}]))
    assert wrong_fields(answer) == {"attachments[0].id": "not_found"}


def test_deleted_file_is_gone_but_stays_with_its_messages(api: ApiClient, core: Core, sink: SmtpSink) -> None:
    add_account(api, sink)
    attachment_id = uploaded(api)
    post(api, attachments=[{"id": attachment_id}])

    assert api.delete(f"{ATTACHMENTS}/{attachment_id}").status_code == 204
    send_all(core)

    problem_of(api.get(f"{ATTACHMENTS}/{attachment_id}"), 404, "not_found")
    assert base64.encodebytes(CONTENT).strip() in sink.messages[0].data


def test_uploading_needs_the_scope_to_send(make_api: MakeApi) -> None:
    problem_of(upload(make_api("read")), 403, "forbidden")


PROGRAM = b"MZ\x90\0\3\0\0\0"
REFUSED = {"filename": "invoice.pdf", "content_type": "application/pdf", "content": base64.b64encode(PROGRAM).decode()}
TAKEN = {"filename": "a.txt", "content": base64.b64encode(b"hello").decode()}


def on_disk(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "attachments").glob("**/*") if path.is_file()]


def test_program_in_the_guise_of_an_invoice_is_refused(api: ApiClient, settings: Settings) -> None:
    answer = upload(api, PROGRAM)

    assert wrong_fields(answer) == {"file": "type_not_allowed"}
    [error] = answer.get_json()["errors"]
    for told in ("a Windows program", "declared as application/pdf", "Allowed are: application/pdf"):
        assert told in error["message"]
    assert on_disk(settings) == []


def test_program_in_the_guise_of_an_invoice_is_refused_inside_a_message(api: ApiClient, settings: Settings) -> None:
    answer = api.post(MESSAGES, letter(attachments=[TAKEN, REFUSED]))

    assert wrong_fields(answer) == {"attachments[1].content": "type_not_allowed"}
    assert on_disk(settings) == []


def test_program_in_the_guise_of_an_invoice_is_refused_inside_a_batch(api: ApiClient, settings: Settings) -> None:
    batch = {"messages": [letter(attachments=[REFUSED]), letter()]}

    answer = api.post(f"{MESSAGES}/batch", batch)

    assert answer.status_code == 202
    [refused, _] = answer.get_json()["results"]
    assert [one["code"] for one in refused["error"]["errors"]] == ["type_not_allowed"]
    assert on_disk(settings) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "x" * (20 * 1024 * 1024)},
        {"to": ["nobody"]},
        {"account": "acc_none"},
        {"template": "no-such-template", "text": None},
        {"expires_at": "2020-01-01T00:00:00Z"},
    ],
)
def test_file_of_a_message_that_is_refused_is_not_kept(
    api: ApiClient, settings: Settings, wrong: dict[str, Any]
) -> None:
    answer = api.post(MESSAGES, {k: v for k, v in letter(attachments=[TAKEN], **wrong).items() if v is not None})

    assert answer.status_code == 422, answer.text
    assert on_disk(settings) == []
