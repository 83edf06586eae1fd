from typing import Any

import gevent
import pytest

from appliance.db.database import Database
from appliance.db.models import Message
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import audit, mailbox
from appliance.db.queries.audit import AuditFilters
from appliance.db.queries.messages import Filters, page
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.mail.addresses import Address
from appliance.services.mailbox_release import MailboxRelease, Release
from tests.services.conftest import Chain, MakeChain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink


@pytest.fixture
def releases(chain: Chain) -> MailboxRelease:
    return MailboxRelease(chain.database, chain.outbox, clock=chain.clock)


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


def test_mail_whose_message_is_gone_says_what_to_do(chain: Chain, sink: SmtpSink, releases: MailboxRelease) -> None:
    mail = kept(chain)
    account = chain.account(sink)
    chain.messages.delete(everything(chain)[0].id)

    with pytest.raises(WrongState, match="Download the mail"):
        releases.release(Release(mail, account, "once"))
    with pytest.raises(NotFound):
        releases.release(Release("mail_none", account, "once"))


@pytest.mark.postgres
@needs_postgres
def test_two_presses_at_once_make_one_message(make_chain: MakeChain, postgres_database: Database) -> None:
    chain = make_chain(database=postgres_database)
    releases = MailboxRelease(chain.database, chain.outbox, clock=chain.clock)
    mail = kept(chain)
    release = Release(mail, chain.account(), "once")

    both = [gevent.spawn(releases.release, release) for _ in range(4)]
    gevent.joinall(both, raise_error=True)

    assert len({one.value for one in both}) == 1
    assert len(everything(chain)) == 2
