import pytest

from appliance.errors import StorageUnavailable
from appliance.mail.mailbox import MailboxTransport
from appliance.mail.transport import Envelope
from tests.mail.conftest import envelope


def test_built_in_mailbox_keeps_the_envelope_and_accepts_it() -> None:
    kept: list[Envelope] = []
    message = envelope("ann@example.com", "bob@example.com")

    result = MailboxTransport(kept.append).send(message)

    assert kept == [message]
    assert (result.server, result.reply.code, dict(result.refused)) == ("built-in mailbox", 250, {})


def test_message_that_could_not_be_kept_is_not_accepted() -> None:
    def full(_: Envelope) -> None:
        raise StorageUnavailable("disk full")

    with pytest.raises(StorageUnavailable):
        MailboxTransport(full).send(envelope())


def test_closing_twice_is_harmless() -> None:
    transport = MailboxTransport(lambda _: None)

    transport.close()
    transport.close()
