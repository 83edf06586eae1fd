import email
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.db.models import Message, Suppression
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.errors import InvalidInput
from appliance.mail.addresses import Address
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.attachments import StoredFile
from appliance.services.dry_run import DryRun, DryRunResult
from tests.factories import submit_message
from tests.fakes import NOON
from tests.services.conftest import UTC, Chain


def dry_run(chain: Chain, *to: str, contents: dict[str, bytes] | None = None, **fields: Any) -> DryRunResult:
    files = AttachmentFiles(chain.directory / "attachments")
    service = DryRun(
        chain.database, files, run_native=lambda fn: fn(), hostname="box.example", zone=UTC, clock=chain.clock
    )
    return service.run(submit_message(*to, **fields), contents or {})


def files_of(directory: Path) -> list[Path]:
    return [path for path in (directory / "attachments").glob("**/*") if path.is_file()]


def test_message_is_shown_as_it_would_go_out(chain: Chain) -> None:
    account = chain.account()

    result = dry_run(chain, bcc=(Address("eve@example.com"),))

    assert result.account is not None
    assert (result.status, result.account.id, result.due_at) == ("queued", account, NOON)
    assert result.explanation == "It would go out at once, through the sender account 'Shop'."
    assert result.raw is not None
    written = email.message_from_bytes(result.raw)
    assert (written["From"], written["To"]) == ("Shop <shop@example.com>", "ann@example.com")
    assert b"eve@example.com" not in result.raw
    assert [one.kind for one in result.recipients] == ["to", "bcc"]


def test_nothing_is_stored_and_no_quota_used(chain: Chain) -> None:
    account = chain.account(daily_limit=1)

    dry_run(chain, contents={"ab" * 32: b"%PDF"}, attachments=(StoredFile("a.pdf", "application/pdf", 4, "ab" * 32),))

    assert (chain.statuses(), chain.sent_today(account), files_of(chain.directory)) == ({}, 0, [])


def test_attachment_that_is_not_on_disk_is_written_all_the_same(chain: Chain) -> None:
    file = StoredFile("a.pdf", "application/pdf", 4, "ab" * 32)

    result = dry_run(chain, contents={file.sha256: b"%PDF"}, attachments=(file,))

    assert result.raw is not None
    _, attachment = email.message_from_bytes(result.raw).get_payload()  # type: ignore[misc]
    assert attachment.get_payload(decode=True) == b"%PDF"  # type: ignore[union-attr]


def test_obstacle_is_told_with_the_moment_it_ends(chain: Chain) -> None:
    chain.account(daily_limit=0)

    result = dry_run(chain)

    assert (result.status, result.reason, result.due_at) == ("held", "quota", NOON + timedelta(hours=12))
    assert "No sender account has quota left today, so it is held until 00:00 tomorrow" in result.explanation
    assert result.raw is not None


def test_scheduled_message_tells_its_moment(chain: Chain) -> None:
    result = dry_run(chain, send_at=NOON + timedelta(hours=1))

    assert (result.status, result.due_at) == ("scheduled", NOON + timedelta(hours=1))
    assert "If it were submitted now: It waits until 13:00 today (UTC)" in result.explanation
    assert result.raw is not None
    assert b"\r\nDate: Tue, 10 Mar 2026 13:00:00 +0000\r\n" in result.raw


def test_suppressed_recipients_are_told(chain: Chain) -> None:
    entry = Suppression(id="sup_1", address="ann@example.com", reason="gone", source="manual", created_at=NOON)
    chain.database.write(lambda session: session.merge(entry))

    alone, with_another = dry_run(chain), dry_run(chain, "ann@example.com", "bob@example.com")

    assert (alone.status, with_another.status) == ("suppressed", "queued")
    assert [one.status for one in with_another.recipients] == ["suppressed", "pending"]


def test_suppressed_recipients_are_told_with_the_reason_as_a_real_message_tells_it(chain: Chain) -> None:
    entries = (
        Suppression(id="sup_1", address="ann@example.com", reason="asked to stop", source="manual", created_at=NOON),
        Suppression(id="sup_2", address="gone.example", reason="closed down", source="manual", created_at=NOON),
    )
    chain.database.write(lambda session: [session.merge(entry) for entry in entries])

    result = dry_run(chain, "ann@example.com", "bob@gone.example")

    assert "ann@example.com (asked to stop)" in result.explanation
    assert "bob@gone.example (the whole domain gone.example: closed down)" in result.explanation


def test_no_account_is_named_while_all_that_would_take_it_are_paused(chain: Chain) -> None:
    chain.accounts.ensure_built_in_mailbox("box@localhost")
    chain.accounts.pause(chain.account())

    result = dry_run(chain)

    assert (result.status, result.reason, result.account) == ("held", "paused", None)
    assert result.raw is not None
    assert email.message_from_bytes(result.raw)["From"] == "Shop <shop@example.com>"


def test_the_mailbox_is_named_where_there_is_nothing_else(chain: Chain) -> None:
    chain.accounts.ensure_built_in_mailbox("box@localhost")

    result = dry_run(chain)

    assert result.account is not None
    assert (result.status, result.account.id) == ("queued", BUILT_IN_MAILBOX_ID)


def test_what_cannot_be_written_would_fail(chain: Chain) -> None:
    gone = StoredFile("a.pdf", "application/pdf", 4, "cd" * 32)

    result = dry_run(chain, attachments=(gone,))

    assert (result.status, result.raw) == ("failed", None)
    assert "could not be written" in result.explanation


def test_account_that_does_not_exist_is_refused_as_it_is_at_submission(chain: Chain) -> None:
    with pytest.raises(InvalidInput, match="acc_wrong"):
        dry_run(chain, account="acc_wrong")


def test_outcome_stays_out_of_the_database(chain: Chain) -> None:
    dry_run(chain)

    with chain.database.read() as session:
        assert session.query(Message).count() == 0
