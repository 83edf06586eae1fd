"""The clean-up of attachments: what it leaves alone, what it removes, and what a crash at any line leaves behind."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.clock import utc_now
from appliance.config.settings import LimitsSettings, Settings
from appliance.db.models import Attachment, Message, MessageAttachment
from appliance.db.models.message import UNFINISHED, MessageStatus
from appliance.db.models.message_removal import release_attachments, remove_finished
from appliance.mail.addresses import Address
from appliance.services.attachment_cleanup import AttachmentCleanup
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.attachments import Attachments
from appliance.services.submission import SubmitMessage, Submitter

KEY = "key_acme"


class Died(BaseException):
    """The process is gone."""


class Shelf:
    """Attachments over a real database and real files, with the days passing as a test says."""

    def __init__(self, settings: Settings, core: Core) -> None:
        self.core = core
        self.directory = settings.data_dir / "attachments"
        self.days = 0.0
        self.attachments = Attachments(
            core.database,
            AttachmentFiles(self.directory),
            LimitsSettings(),
            run_native=lambda fn: fn(),
            clock=self.clock,
        )

    def clock(self) -> Any:
        return utc_now() + timedelta(days=self.days)

    def cleanup(self, files: AttachmentFiles | None = None, run_native: Callable[..., Any] = lambda fn: fn()) -> Any:
        files = files or AttachmentFiles(self.directory)
        return AttachmentCleanup(self.core.database, files, run_native=run_native, clock=self.clock).run()

    def upload(self, content: bytes, name: str = "a.txt") -> str:
        return self.attachments.upload(name, None, content, KEY)

    def submit_with(self, attachment_id: str) -> str:
        file = self.attachments.named(attachment_id, KEY, "attachments[0].id", None)
        command = SubmitMessage(to=(Address("ann@example.com"),), subject="x", text="x", attachments=(file,))
        return self.core.services.submission.submit(command, Submitter(KEY)).id

    def files(self) -> list[Path]:
        return list(self.directory.glob("*/*"))

    def rows(self, model: type[Any]) -> int:
        with self.core.database.read() as session:
            return session.query(model).count()

    def let_pass(self, days: float) -> None:
        """The files get as old as the calendar says."""
        self.days += days
        for path in self.files():
            stamp = utc_now().timestamp() - 1
            os.utime(path, (stamp, stamp))


@pytest.fixture
def shelf(settings: Settings) -> Iterator[Shelf]:
    data_dir = prepared_data_directory(settings)
    database = open_database(settings)
    try:
        yield Shelf(settings, build_core(settings, data_dir, database))
    finally:
        database.stop()


def test_an_expired_upload_and_its_file_are_removed(shelf: Shelf) -> None:
    shelf.upload(b"old")
    shelf.let_pass(days=8)

    assert shelf.cleanup() == {"expired": 1, "without_file": 0, "files_removed": 1}

    assert (shelf.files(), shelf.rows(Attachment)) == ([], 0)


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_file_that_an_unsent_message_needs_is_kept_however_old(shelf: Shelf, status: MessageStatus) -> None:
    message_id = shelf.submit_with(shelf.upload(b"needed"))
    shelf.core.database.write(lambda session: setattr(session.get_one(Message, message_id), "status", status))
    shelf.core.database.write(lambda session: release_attachments(session, [message_id], now=utc_now()))
    shelf.core.database.write(lambda session: remove_finished(session, [message_id]))
    shelf.let_pass(days=1000)

    assert shelf.cleanup() == {"expired": 1, "without_file": 0, "files_removed": 0}

    assert len(shelf.files()) == 1


def test_the_file_of_a_finished_message_stays_until_its_age_has_come(shelf: Shelf) -> None:
    message_id = shelf.submit_with(shelf.upload(b"sent"))
    shelf.core.services.messages.cancel(message_id)
    shelf.let_pass(days=8)
    shelf.cleanup()
    assert len(shelf.files()) == 1
    shelf.core.database.write(lambda session: release_attachments(session, [message_id], now=utc_now()))

    shelf.cleanup()

    assert shelf.files() == []
    assert shelf.rows(MessageAttachment) == 1


def test_a_file_that_two_messages_have_goes_with_the_second(shelf: Shelf) -> None:
    attachment_id = shelf.upload(b"shared")
    first, second = shelf.submit_with(attachment_id), shelf.submit_with(attachment_id)
    for message_id in (first, second):
        shelf.core.services.messages.cancel(message_id)
    shelf.let_pass(days=8)

    shelf.core.database.write(lambda session: remove_finished(session, [first]))
    assert shelf.cleanup()["files_removed"] == 0
    shelf.core.database.write(lambda session: remove_finished(session, [second]))

    assert shelf.cleanup()["files_removed"] == 1


def test_two_uploads_of_one_content_share_a_file_until_the_last_is_gone(shelf: Shelf) -> None:
    first, second = shelf.upload(b"same"), shelf.upload(b"same", "b.txt")
    assert len(shelf.files()) == 1

    shelf.attachments.delete(first, KEY)
    shelf.let_pass(days=1)
    shelf.cleanup()
    assert len(shelf.files()) == 1
    shelf.attachments.delete(second, KEY)
    shelf.cleanup()

    assert shelf.files() == []


def test_deleting_an_upload_leaves_the_file_to_messages_that_have_it(shelf: Shelf) -> None:
    attachment_id = shelf.upload(b"needed")
    shelf.submit_with(attachment_id)
    shelf.attachments.delete(attachment_id, KEY)
    shelf.let_pass(days=1)

    shelf.cleanup()

    assert len(shelf.files()) == 1


def test_an_upload_whose_file_is_gone_is_removed(shelf: Shelf) -> None:
    shelf.upload(b"kept")
    shelf.upload(b"lost")
    [lost] = [path for path in shelf.files() if path.read_bytes() == b"lost"]
    lost.unlink()
    assert shelf.cleanup()["without_file"] == 0, "it is young: its file may just be written"
    shelf.let_pass(days=1)

    assert shelf.cleanup() == {"expired": 0, "without_file": 1, "files_removed": 0}

    assert shelf.rows(Attachment) == 1


def test_uploads_stay_while_the_whole_directory_is_away(shelf: Shelf) -> None:
    shelf.upload(b"on a disk that is not mounted")
    shelf.let_pass(days=1)
    shelf.directory.rename(shelf.directory.with_name("elsewhere"))

    shelf.cleanup()

    assert shelf.rows(Attachment) == 1


def test_a_file_that_a_message_just_named_is_kept_though_its_upload_expires(shelf: Shelf) -> None:
    attachment_id = shelf.upload(b"in the last second")
    shelf.let_pass(days=6.99)
    shelf.attachments.named(attachment_id, KEY, "attachments[0].id", None)
    for path in shelf.files():  # the file system shows real time
        stamp = shelf.clock().timestamp()
        os.utime(path, (stamp, stamp))
    shelf.days += 0.02

    shelf.cleanup(_Younger(shelf))

    assert len(shelf.files()) == 1


def test_dying_between_file_and_row_of_an_upload_leaves_a_file_that_goes(shelf: Shelf) -> None:
    AttachmentFiles(shelf.directory).store(b"the process died before the row was written")
    assert shelf.cleanup()["files_removed"] == 0
    shelf.let_pass(days=1)

    assert shelf.cleanup()["files_removed"] == 1


def test_dying_while_a_file_is_written_leaves_a_half_that_goes(shelf: Shelf) -> None:
    shelf.upload(b"whole")
    half = shelf.files()[0].with_name(".tmp1234")
    half.write_bytes(b"ha")
    shelf.let_pass(days=1)

    shelf.cleanup()

    assert [path.read_bytes() for path in shelf.files()] == [b"whole"]


def test_dying_between_rows_and_files_leaves_files_that_the_next_run_removes(shelf: Shelf) -> None:
    shelf.upload(b"old")
    shelf.let_pass(days=8)
    with pytest.raises(Died):
        shelf.cleanup(run_native=_die)
    assert (len(shelf.files()), shelf.rows(Attachment)) == (1, 0)

    assert shelf.cleanup() == {"expired": 0, "without_file": 0, "files_removed": 1}


def test_dying_between_two_files_leaves_the_second_to_the_next_run(shelf: Shelf) -> None:
    for content in (b"one", b"two"):
        shelf.upload(content)
    shelf.let_pass(days=8)
    with pytest.raises(Died):
        shelf.cleanup(_DiesAtSecondFile(shelf.directory))
    assert len(shelf.files()) == 1

    assert shelf.cleanup()["files_removed"] == 1


def test_dying_with_a_file_moved_aside_loses_nothing_that_is_needed(shelf: Shelf) -> None:
    shelf.submit_with(shelf.upload(b"needed after all"))
    [path] = shelf.files()
    path.rename(path.with_name(f".{path.name}.aside"))
    shelf.let_pass(days=1)

    assert shelf.cleanup()["files_removed"] == 0

    assert shelf.files() == [path]


def test_running_twice_at_once_is_harmless(shelf: Shelf) -> None:
    shelf.upload(b"old")
    shelf.let_pass(days=8)

    removed = shelf.cleanup(_AnotherRunFirst(shelf))

    assert removed["files_removed"] == 0
    assert shelf.files() == []


class _DiesAtSecondFile(AttachmentFiles):
    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._removed = 0

    def remove(self, digest: str, *, unless_stored_since: float) -> bool:
        if self._removed:
            raise Died
        self._removed += 1
        return super().remove(digest, unless_stored_since=unless_stored_since)


class _AnotherRunFirst(AttachmentFiles):
    """Between the look and the removal another run has done everything."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf.directory)
        self._shelf = shelf

    def remove(self, digest: str, *, unless_stored_since: float) -> bool:
        self._shelf.cleanup()
        return super().remove(digest, unless_stored_since=unless_stored_since)


class _Younger(AttachmentFiles):
    """Sees every file: what keeps one is its age at the moment of removal."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf.directory)

    def older_than(self, _moment: float) -> Iterator[str]:
        return super().older_than(float("inf"))


def _die(_fn: object) -> object:
    raise Died
