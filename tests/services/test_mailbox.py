import pytest

from appliance.db.queries import mailbox
from appliance.errors import NotFound
from appliance.mail.transport import Envelope
from tests.services.conftest import Chain


def test_mail_is_kept_as_it_was_handed_over_until_it_is_emptied(chain: Chain) -> None:
    envelope = Envelope("", ("ann@example.com", "bob@example.com"), b"\x00bytes\xff", "<1@x>", "Hällo")

    chain.mailbox.keep("acc_mailbox", envelope)
    chain.mailbox.keep("acc_mailbox", envelope)

    with chain.database.read() as session:
        newest = mailbox.page(session)[0][0]
        found = mailbox.one(session, newest.id)
        assert found is not None
        assert (found.mail_from, found.rcpt_to, found.data) == ("", list(envelope.rcpt_to), envelope.data)
        assert (found.subject, found.rfc_message_id, found.received_at) == ("Hällo", "<1@x>", chain.clock())
    assert (chain.mailbox.empty(), chain.mailbox.empty()) == (2, 0)


def test_one_mail_is_deleted_and_only_once(chain: Chain) -> None:
    for subject in ("first", "second"):
        chain.mailbox.keep("acc_mailbox", Envelope("", ("ann@example.com",), b"", "<1@x>", subject))
    with chain.database.read() as session:
        newest = mailbox.page(session)[0][0].id

    chain.mailbox.delete(newest)

    with chain.database.read() as session:
        assert [one.subject for one in mailbox.page(session)[0]] == ["first"]
    with pytest.raises(NotFound):
        chain.mailbox.delete(newest)
