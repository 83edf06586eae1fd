import shutil
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

import gevent
import pytest
from sqlalchemy.orm import Session

from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import Message
from appliance.db.models.message_removal import release_attachments, remove_bodies, remove_finished
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import audit, mailbox
from appliance.db.queries.audit import AuditFilters
from appliance.db.queries.messages import Filters, page
from appliance.errors import InvalidInput, NotFound, StorageUnavailable
from appliance.mail.addresses import Address
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.attachments import Attachments
from appliance.services.mailbox_release import MailboxRelease, Release
from tests.services.conftest import Chain, MakeChain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def releases_of(chain: Chain) -> MailboxRelease:
    return MailboxRelease(
        chain.database, chain.outbox, attachments_of(chain), run_native=lambda fn: fn(), clock=chain.clock
    )


def attachments_of(chain: Chain) -> Attachments:
    files = AttachmentFiles(chain.directory / "attachments")
    return Attachments(chain.database, files, LimitsSettings(), run_native=lambda fn: fn(), clock=chain.clock)


@pytest.fixture
def releases(chain: Chain) -> MailboxRelease:
    return releases_of(chain)


def kept(chain: Chain, *to: str, **fields: Any) -> str:
    """The id of a mail that came into the mailbox; its message is kept too."""
    chain.submit(*to, account=BUILT_IN_MAILBOX_ID, **fields)
    chain.turn()
    with chain.database.read() as session:
        return mailbox.page(session)[0][0].id


def everything(chain: Chain) -> list[Message]:
    with chain.database.read() as session:
        return list(page(session, Filters()).items)


def test_released_mail_goes_out_with_the_same_content_and_message_id(
    chain: Chain, sink: SmtpSink, releases: MailboxRelease
) -> None:
    mail = kept(chain, bcc=(Address("eve@example.com"),), html="<p>Hello</p>", tags=("shop",))
    account = chain.account(sink)

    made = releases.release(Release(mail, account, "once", "req_9"))
    chain.turn()

    [received] = sink.messages
    old, new = chain.detail(everything(chain)[1].id).message, chain.detail(made).message
    assert received.rcpt_to == ("ann@example.com", "eve@example.com")
    assert received.message_id == old.rfc_message_id == new.rfc_message_id
    assert b"<p>Hello</p>" in received.data
    assert (chain.status(made), new.tags, new.request_id) == ("sent", ["shop"], "req_9")


def test_the_mail_stays_and_the_audit_tells_of_it(chain: Chain, sink: SmtpSink, releases: MailboxRelease) -> None:
    mail = kept(chain)
    account = chain.account(sink)

    made = releases.release(Release(mail, account, "once"))

    with chain.database.read() as session:
        assert mailbox.one(session, mail) is not None
        [entry], _ = audit.page(session, AuditFilters(target=mail))
    assert (entry.action, entry.detail) == ("mailbox.released", {"account": account, "message": made})


def test_a_second_press_of_the_button_makes_no_second_message(
    chain: Chain, sink: SmtpSink, releases: MailboxRelease
) -> None:
    mail = kept(chain)
    release = Release(mail, chain.account(sink), "once")

    assert releases.release(release) == releases.release(release)
    assert len(everything(chain)) == 2


def test_it_goes_through_an_account_that_sends_only(chain: Chain, releases: MailboxRelease) -> None:
    mail = kept(chain)

    for account in (BUILT_IN_MAILBOX_ID, "acc_none"):
        with pytest.raises(InvalidInput, match="Choose a sender account"):
            releases.release(Release(mail, account, account))
    assert len(everything(chain)) == 1


def rich(chain: Chain) -> dict[str, Any]:
    """A message with something of everything."""
    attachments = attachments_of(chain)
    return {
        "to": (Address("ann@example.com", "Ann Smith"), Address("jörg@example.com", "Jörg, der Große")),
        "cc": (Address("cy@example.com", "Cyril"),),
        "bcc": (Address("eve@example.com"),),
        "reply_to": (Address("help@example.com", "帮助"),),
        "sender": Address("news@example.com", "News"),
        "subject": "Grüße aus " + "Köln " * 40,
        "text": "Grüße\n.\n" + "x" * 2000,
        "html": '<p>Grüße <img src="cid:logo"></p>',
        "headers": {"X-Campaign": "七", "List-Unsubscribe": "<https://example.com/out>"},
        "tags": ("shop",),
        "metadata": {"invoice": 7},
        "attachments": (
            attachments.store("Rechnung für Köln.txt", "text/plain", b"seven\r\nEuro", "file"),
            replace(attachments.store("logo.png", "image/png", PNG, "file"), content_id="logo"),
        ),
    }


def told_of(data: bytes) -> dict[str, Any]:
    """What a recipient gets, but for the date."""
    mail = message_from_bytes(data, policy=policy.default)
    return {
        "headers": sorted((name, str(value)) for name, value in mail.items() if name not in ("Date", "Received")),
        "parts": [
            (part.get_content_type(), part.get_filename(), part["Content-ID"], part.get_payload(decode=True))
            for part in mail.walk()
        ],
    }


@pytest.mark.parametrize("gone", ["content", "message"])
def test_mail_whose_message_is_no_longer_kept_goes_out_from_its_own_copy(
    chain: Chain, sink: SmtpSink, releases: MailboxRelease, gone: str
) -> None:
    """What a recipient gets is the same, to the byte; the first one shows what that would have been."""
    mail, account = kept(chain, **rich(chain)), chain.account(sink)
    releases.release(Release(mail, account, "while it is kept"))
    chain.turn()
    for message in everything(chain):
        _lose(chain, message.id, gone)
    shutil.rmtree(chain.directory / "attachments")

    made = releases.release(Release(mail, account, "from the copy", "req_9"))
    chain.turn()

    before, after = sink.messages
    assert chain.status(made) == "sent"
    assert after.rcpt_to == before.rcpt_to
    assert told_of(after.data) == told_of(before.data)
    new = chain.detail(made)
    assert [(one.kind, one.email, one.name) for one in new.recipients][:2] == [
        ("to", "ann@example.com", "Ann Smith"),
        ("to", "jörg@example.com", "Jörg, der Große"),
    ]
    assert [one.kind for one in new.recipients] == ["to", "to", "cc", "bcc"]
    assert new.message.tags == (["shop"] if gone == "content" else [])


def _lose(chain: Chain, message_id: str, what: str) -> None:
    def write(session: Session) -> None:
        if what == "message":
            assert remove_finished(session, [message_id])
        else:
            assert remove_bodies(session, [message_id], now=chain.clock())
            release_attachments(session, [message_id], now=chain.clock())

    chain.database.write(write)


def test_without_its_message_the_mailbox_itself_is_no_sender(
    chain: Chain, sink: SmtpSink, releases: MailboxRelease
) -> None:
    """The mail was written as from the mailbox; it goes out as from the account that sends it."""
    mail, account = kept(chain, text="Hello"), chain.account(sink, email="shop@example.com", name="Shop")
    _lose(chain, everything(chain)[0].id, "message")

    releases.release(Release(mail, account, "once"))
    chain.turn()

    [received] = sink.messages
    assert b"From: Shop <shop@example.com>" in received.data
    assert b"postroom@" not in received.data


def test_a_release_that_is_refused_leaves_no_file_behind(chain: Chain, releases: MailboxRelease) -> None:
    mail = kept(chain, **rich(chain))
    _lose(chain, everything(chain)[0].id, "message")
    shutil.rmtree(chain.directory / "attachments")

    with pytest.raises(InvalidInput):
        releases.release(Release(mail, "acc_none", "once"))

    assert [path for path in (chain.directory / "attachments").glob("*/*")] == []


class _Deaf:
    """A database that stores, and is not heard of any more."""

    def __init__(self, database: Database) -> None:
        self.read = database.read
        self._write = database.write

    def write(self, fn: Any) -> Any:
        if self._write(fn) is not None:
            raise StorageUnavailable("The connection is gone.")


def test_files_stay_where_nobody_knows_whether_the_message_was_stored(chain: Chain, sink: SmtpSink) -> None:
    mail, account = kept(chain, **rich(chain)), chain.account(sink)
    _lose(chain, everything(chain)[0].id, "message")
    shutil.rmtree(chain.directory / "attachments")
    deaf: Any = _Deaf(chain.database)
    releases = MailboxRelease(deaf, chain.outbox, attachments_of(chain), run_native=lambda fn: fn(), clock=chain.clock)

    with pytest.raises(StorageUnavailable):
        releases.release(Release(mail, account, "once"))
    chain.turn()

    [message] = everything(chain)
    assert (message.status, len(sink.messages)) == ("sent", 1)


def test_a_mail_that_there_is_not_is_not_released(chain: Chain, sink: SmtpSink, releases: MailboxRelease) -> None:
    with pytest.raises(NotFound):
        releases.release(Release("mail_none", chain.account(sink), "once"))


@pytest.mark.postgres
@needs_postgres
def test_two_presses_at_once_make_one_message(make_chain: MakeChain, postgres_database: Database) -> None:
    chain = make_chain(database=postgres_database)
    releases = releases_of(chain)
    mail = kept(chain)
    release = Release(mail, chain.account(), "once")

    both = [gevent.spawn(releases.release, release) for _ in range(4)]
    gevent.joinall(both, raise_error=True)

    assert len({one.value for one in both}) == 1
    assert len(everything(chain)) == 2
