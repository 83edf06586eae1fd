from dataclasses import replace
from email import message_from_bytes
from email.message import Message as Parsed
from pathlib import Path
from typing import Any

import pytest

from appliance.db.models import SenderAccount
from appliance.db.queries.outgoing import OutgoingAttachment, OutgoingMessage, OutgoingRecipient
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.composition import CannotCompose, Composition
from tests.fakes import NOON

SHOP = SenderAccount(id="acc_1", name="Shop", email="shop@example.com")
MESSAGE = OutgoingMessage(
    id="msg_1",
    claim_id="clm_1",
    account_id="acc_1",
    claim_day="2026-03-10",
    choice=None,
    attempts=0,
    subject="Hällo",
    sender_email=None,
    sender_name="",
    reply_to=(),
    headers={},
    text="Hello Ann",
    html=None,
    rfc_message_id="<1@box.example>",
    request_id="",
    first_due_at=NOON,
    age_from=NOON,
    recipients=(
        OutgoingRecipient(1, "to", "ann@example.com", "Ann", "pending"),
        OutgoingRecipient(2, "cc", "bob@example.com", "", "sent"),
        OutgoingRecipient(3, "bcc", "eve@example.com", "Eve", "pending"),
    ),
)


@pytest.fixture
def files(tmp_path: Path) -> AttachmentFiles:
    return AttachmentFiles(tmp_path)


@pytest.fixture
def natively() -> list[str]:
    """One entry for each run off the event loop."""
    return []


@pytest.fixture
def composition(files: AttachmentFiles, natively: list[str]) -> Composition:
    def run(fn: Any) -> Any:
        natively.append("run")
        return fn()

    return Composition(files, run)


def parsed(composition: Composition, message: OutgoingMessage) -> Parsed:
    return message_from_bytes(composition.envelope(message, SHOP).data)


def test_envelope_is_for_those_without_an_outcome_and_headers_name_all_but_bcc(composition: Composition) -> None:
    envelope = composition.envelope(MESSAGE, SHOP)

    mail = message_from_bytes(envelope.data)
    assert (envelope.mail_from, envelope.rcpt_to) == ("shop@example.com", ("ann@example.com", "eve@example.com"))
    assert (envelope.message_id, envelope.subject) == ("<1@box.example>", "Hällo")
    assert (mail["To"], mail["Cc"], mail["Bcc"]) == ("Ann <ann@example.com>", "bob@example.com", None)
    assert b"eve" not in envelope.data.lower()


def test_every_attempt_has_the_same_bytes(composition: Composition) -> None:
    assert composition.envelope(MESSAGE, SHOP).data == composition.envelope(MESSAGE, SHOP).data


def test_sender_of_the_message_stands_in_from_but_bounces_go_to_the_account(composition: Composition) -> None:
    message = replace(MESSAGE, sender_email="news@example.com", sender_name="News", reply_to=({"email": "a@b.test"},))

    envelope = composition.envelope(message, SHOP)

    mail = message_from_bytes(envelope.data)
    assert (mail["From"], mail["Reply-To"]) == ("News <news@example.com>", "a@b.test")
    assert envelope.mail_from == "shop@example.com"


def test_attachments_are_read_and_written_off_the_event_loop(
    composition: Composition, files: AttachmentFiles, natively: list[str]
) -> None:
    stored = OutgoingAttachment("Rechnung für Ann.pdf", "application/pdf", None, 4, files.store(b"%PDF"))

    mail = parsed(composition, replace(MESSAGE, attachments=(stored,)))

    [part] = [one for one in mail.walk() if one.get_content_disposition() == "attachment"]
    assert (part.get_filename(), part.get_payload(decode=True)) == ("Rechnung für Ann.pdf", b"%PDF")
    assert natively == ["run"]


@pytest.mark.parametrize("large", [{"html": "<p>Hello</p>" * 3000}, {"text": "Hello\n" * 6000}])
def test_long_message_is_written_off_the_event_loop(
    composition: Composition, natively: list[str], large: dict[str, Any]
) -> None:
    composition.envelope(replace(MESSAGE, **large), SHOP)

    assert natively == ["run"]


def test_short_message_without_attachments_stays_on_the_loop(composition: Composition, natively: list[str]) -> None:
    composition.envelope(MESSAGE, SHOP)

    assert natively == []


def test_attachment_that_was_damaged_on_disk_is_not_sent(
    composition: Composition, files: AttachmentFiles, tmp_path: Path
) -> None:
    digest = files.store(b"%PDF")
    (tmp_path / digest[:2] / digest).write_bytes(b"%XXX")
    stored = OutgoingAttachment("a.pdf", "application/pdf", None, 4, digest)

    with pytest.raises(CannotCompose, match="has changed on disk"):
        composition.envelope(replace(MESSAGE, attachments=(stored,)), SHOP)


@pytest.mark.parametrize(
    "change",
    [{"headers": {"X-A": "a\r\nBcc: eve@example.com"}}, {"subject": "a\nb"}, {"rfc_message_id": "<1@x>\r\nX: y"}],
)
def test_header_that_could_add_another_is_not_sent(composition: Composition, change: dict[str, Any]) -> None:
    with pytest.raises(CannotCompose):
        composition.envelope(replace(MESSAGE, **change), SHOP)
