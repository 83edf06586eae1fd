from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.clock import utc_now
from appliance.config.settings import LimitsSettings, Settings
from appliance.db.models.audit_entry import ActorKind
from appliance.db.queries import audit as audit_entries
from appliance.db.queries.audit import AuditFilters
from appliance.errors import InvalidInput, NotFound
from appliance.services import audit
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.attachments import Attachments
from appliance.services.audit import Actor

KEY = "key_acme"


@pytest.fixture
def core(settings: Settings) -> Iterator[Core]:
    data_dir = prepared_data_directory(settings)
    database = open_database(settings)
    try:
        yield build_core(settings, data_dir, database)
    finally:
        database.stop()


@pytest.fixture
def attachments(core: Core) -> Attachments:
    return core.services.attachments


def stored(settings: Settings) -> list[Path]:
    return list((settings.data_dir / "attachments").glob("*/*"))


def test_an_uploaded_file_can_be_named_in_a_message(attachments: Attachments) -> None:
    attachment_id = attachments.upload("invoice.pdf", None, b"%PDF-1.7", KEY)

    file = attachments.named(attachment_id, KEY, "attachments[0].id", "logo")

    assert (file.filename, file.content_type, file.size) == ("invoice.pdf", "application/pdf", 8)
    assert file.content_id == "logo"


@pytest.mark.parametrize("does", ["upload", "delete"])
def test_the_audit_tells_who_did_it_to_which_file(core: Core, attachments: Attachments, does: str) -> None:
    with audit.act_as(Actor(ActorKind.KEY, KEY, "acme")):
        attachment_id = attachments.upload("invoice.pdf", None, b"%PDF-1.7", KEY)
        if does == "delete":
            attachments.delete(attachment_id, KEY)

    with core.database.read() as session:
        entries, _ = audit_entries.page(session, AuditFilters(target=attachment_id))
    assert [(one.action, one.actor_name, one.detail) for one in reversed(entries)] == [
        (f"attachment.{done}", "acme", {"filename": "invoice.pdf", "size": 8})
        for done in (("uploaded",) if does == "upload" else ("uploaded", "deleted"))
    ]


def test_a_file_that_comes_with_its_message_is_told_with_it_alone(core: Core, attachments: Attachments) -> None:
    attachments.store("invoice.pdf", None, b"%PDF-1.7", "attachments[0]")

    with core.database.read() as session:
        assert audit_entries.page(session, AuditFilters(action="attachment."))[0] == []


def test_an_attachment_of_another_key_is_not_there(attachments: Attachments) -> None:
    attachment_id = attachments.upload("invoice.pdf", None, b"%PDF-1.7", KEY)

    with pytest.raises(InvalidInput) as caught:
        attachments.named(attachment_id, "key_other", "attachments[0].id", None)

    assert caught.value.errors[0].field == "attachments[0].id"


def test_an_attachment_whose_file_is_gone_cannot_be_named(attachments: Attachments, settings: Settings) -> None:
    attachment_id = attachments.upload("invoice.pdf", None, b"%PDF-1.7", KEY)
    [path] = stored(settings)
    path.unlink()

    with pytest.raises(InvalidInput, match="upload it again"):
        attachments.named(attachment_id, KEY, "attachments[0].id", None)


def test_a_file_over_the_limit_is_refused_by_name_of_the_limit(core: Core, settings: Settings) -> None:
    small = Attachments(
        core.database,
        AttachmentFiles(settings.data_dir / "attachments"),
        LimitsSettings(attachment_mb=1),
        run_native=lambda fn: fn(),
        clock=utc_now,
    )

    with pytest.raises(InvalidInput, match="attachment_mb"):
        small.upload("big.txt", None, b"x" * (1024 * 1024 + 1), KEY)

    assert stored(settings) == []


def test_a_file_that_is_not_what_it_is_called_is_refused_and_not_kept(
    attachments: Attachments, settings: Settings
) -> None:
    with pytest.raises(InvalidInput) as caught:
        attachments.upload("invoice.pdf", "application/pdf", b"MZ\x90\0\3\0\0\0", KEY)

    [error] = caught.value.errors
    assert (error.field, error.code) == ("file", "type_not_allowed")
    for told in ("a Windows program", "declared as application/pdf", "image/png", "[limits] attachment_types"):
        assert told in error.message
    assert stored(settings) == []


def test_a_deleted_attachment_is_gone(attachments: Attachments) -> None:
    attachment_id = attachments.upload("a.txt", None, b"needed", KEY)

    attachments.delete(attachment_id, KEY)

    with pytest.raises(NotFound):
        attachments.delete(attachment_id, KEY)
