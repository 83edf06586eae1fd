import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.clock import utc_now
from appliance.config.settings import LimitsSettings, Settings
from appliance.db.models import Message
from appliance.db.models.message import MessageStatus
from appliance.errors import InvalidInput, NotFound
from appliance.mail.addresses import Address
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.attachments import Attachments, safe_filename, usable_type
from appliance.services.submission import SubmitMessage, Submitter

KEY = "key_acme"


class Shelf:
    """Attachments over a real database and real files, with the days passing as a test says."""

    def __init__(self, settings: Settings, core: Core) -> None:
        self.core = core
        self.directory = settings.data_dir / "attachments"
        self.days = 0.0
        self.attachments = Attachments(
            core.database,
            AttachmentFiles(self.directory),
            LimitsSettings(attachment_mb=1),
            run_native=lambda fn: fn(),
            clock=lambda: utc_now() + timedelta(days=self.days),
        )

    def submit_with(self, attachment_id: str) -> str:
        file = self.attachments.named(attachment_id, KEY, "attachments[0].id", None)
        command = SubmitMessage(to=(Address("ann@example.com"),), subject="x", text="x", attachments=(file,))
        return self.core.services.submission.submit(command, Submitter(KEY)).id

    def files(self) -> list[Path]:
        return list(self.directory.glob("*/*"))

    def let_pass(self, days: float) -> None:
        """The files get as old as the calendar says."""
        self.days += days
        for path in self.files():
            stamp = path.stat().st_mtime - 1
            os.utime(path, (stamp, stamp))


@pytest.fixture
def shelf(settings: Settings) -> Iterator[Shelf]:
    data_dir = prepared_data_directory(settings)
    database = open_database(settings)
    try:
        yield Shelf(settings, build_core(settings, data_dir, database))
    finally:
        database.stop()


def test_an_uploaded_file_can_be_named_in_a_message(shelf: Shelf) -> None:
    attachment_id = shelf.attachments.upload("invoice.pdf", None, b"%PDF", KEY)

    file = shelf.attachments.named(attachment_id, KEY, "attachments[0].id", "logo")

    assert (file.filename, file.content_type, file.size, file.content_id) == (
        "invoice.pdf",
        "application/pdf",
        4,
        "logo",
    )


def test_an_attachment_of_another_key_is_not_there(shelf: Shelf) -> None:
    attachment_id = shelf.attachments.upload("invoice.pdf", None, b"%PDF", KEY)

    with pytest.raises(InvalidInput) as caught:
        shelf.attachments.named(attachment_id, "key_other", "attachments[0].id", None)

    assert caught.value.errors[0].field == "attachments[0].id"


def test_a_file_over_the_limit_is_refused_by_name_of_the_limit(shelf: Shelf) -> None:
    with pytest.raises(InvalidInput, match="attachment_mb"):
        shelf.attachments.upload("big.bin", None, bytes(1024 * 1024 + 1), KEY)

    assert shelf.files() == []


def test_an_expired_attachment_and_its_file_are_removed(shelf: Shelf) -> None:
    attachment_id = shelf.attachments.upload("a.txt", None, b"old", KEY)
    shelf.let_pass(days=8)

    assert shelf.attachments.cleanup_expired() == {"expired": 1, "files_removed": 1}

    assert shelf.files() == []
    with pytest.raises(InvalidInput):
        shelf.attachments.named(attachment_id, KEY, "id", None)


def test_a_file_that_an_unsent_message_needs_is_kept_however_old(shelf: Shelf) -> None:
    attachment_id = shelf.attachments.upload("a.txt", None, b"needed", KEY)
    shelf.submit_with(attachment_id)
    shelf.let_pass(days=100)

    assert shelf.attachments.cleanup_expired() == {"expired": 1, "files_removed": 0}

    assert len(shelf.files()) == 1


def test_the_file_of_a_finished_message_goes_when_it_can_no_longer_be_retried(shelf: Shelf) -> None:
    message_id = shelf.submit_with(shelf.attachments.upload("a.txt", None, b"sent", KEY))
    shelf.core.services.messages.cancel(message_id)
    shelf.attachments.cleanup_expired()
    assert len(shelf.files()) == 1
    shelf.let_pass(days=8)

    shelf.attachments.cleanup_expired()

    assert shelf.files() == []
    with shelf.core.database.read() as session:
        assert session.get_one(Message, message_id).status == MessageStatus.CANCELLED


def test_a_file_without_any_row_is_removed_once_it_is_not_young(shelf: Shelf) -> None:
    AttachmentFiles(shelf.directory).store(b"the process died before the row was written")
    assert shelf.attachments.cleanup_expired()["files_removed"] == 0
    shelf.let_pass(days=1)

    assert shelf.attachments.cleanup_expired()["files_removed"] == 1


def test_a_cleanup_that_died_before_the_files_is_finished_by_the_next(shelf: Shelf) -> None:
    shelf.attachments.upload("a.txt", None, b"old", KEY)
    shelf.let_pass(days=8)
    interrupted = Attachments(
        shelf.core.database,
        AttachmentFiles(shelf.directory),
        LimitsSettings(),
        run_native=_die,
        clock=lambda: utc_now() + timedelta(days=8),
    )
    with pytest.raises(KeyboardInterrupt):
        interrupted.cleanup_expired()
    assert len(shelf.files()) == 1

    assert shelf.attachments.cleanup_expired() == {"expired": 0, "files_removed": 1}


def test_deleting_an_attachment_leaves_it_to_messages_that_have_it(shelf: Shelf) -> None:
    attachment_id = shelf.attachments.upload("a.txt", None, b"needed", KEY)
    shelf.submit_with(attachment_id)

    shelf.attachments.delete(attachment_id, KEY)
    shelf.let_pass(days=1)
    shelf.attachments.cleanup_expired()

    assert len(shelf.files()) == 1
    with pytest.raises(NotFound):
        shelf.attachments.delete(attachment_id, KEY)


def test_two_uploads_of_one_content_share_a_file_until_the_last_is_gone(shelf: Shelf) -> None:
    first = shelf.attachments.upload("a.txt", None, b"same", KEY)
    second = shelf.attachments.upload("b.txt", None, b"same", KEY)
    assert len(shelf.files()) == 1

    shelf.attachments.delete(first, KEY)
    shelf.let_pass(days=1)
    shelf.attachments.cleanup_expired()
    assert len(shelf.files()) == 1
    shelf.attachments.delete(second, KEY)
    shelf.attachments.cleanup_expired()

    assert shelf.files() == []


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\invoice.pdf", "invoice.pdf"),
        ("a\r\nBcc: x", "a__Bcc: x"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("", "attachment"),
        ("..", "attachment"),
        ("年报 2026.pdf", "年报 2026.pdf"),
    ],
)
def test_a_file_name_is_only_a_name(given: str, safe: str) -> None:
    assert safe_filename(given) == safe


@pytest.mark.parametrize(
    ("declared", "name", "used"),
    [
        ("image/png", "a.bin", "image/png"),
        ("text/plain; charset=utf-8", "a.bin", "text/plain"),
        ("text/html\r\nX: y", "a.png", "image/png"),
        (None, "a.unheard-of", "application/octet-stream"),
    ],
)
def test_a_type_without_the_form_of_one_is_guessed_from_the_name(declared: str | None, name: str, used: str) -> None:
    assert usable_type(declared, name) == used


def _die(_fn: object) -> object:
    raise KeyboardInterrupt
