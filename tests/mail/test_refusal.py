import pytest

from appliance.mail.refusal import says_no_such_recipient
from appliance.mail.transport import Reply


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "5.1.1 <bad@example.com>: Recipient address rejected: User unknown in local recipient table"),
        (550, "5.1.1 The email account that you tried to reach does not exist."),
        (553, "5.1.2 no such domain"),
        (501, "5.1.3 bad recipient address syntax"),
        (551, "5.1.6 mailbox has moved"),
        (556, "5.1.10 recipient address has null MX"),
        (550, "No such user here"),
        (550, "<bad@example.com>: User unknown"),
        (550, "unknown mailbox"),
        (550, "Mailbox does not exist"),
        (550, "Recipient not found"),
    ],
)
def test_address_that_does_not_exist_is_recognised(code: int, text: str) -> None:
    assert says_no_such_recipient(Reply(code, text))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (450, "4.1.1 user unknown, try later"),
        (550, "5.7.1 no such user, by policy"),
        (550, "5.2.1 the mailbox is disabled"),
        (552, "5.2.2 mailbox full"),
        (550, "5.1.8 sender address rejected: domain not found"),
        (550, "5.1.0 address rejected"),
        (550, "5.4.1 recipient address rejected: access denied"),
        (550, "mailbox unavailable"),
        (550, "sender rejected: unknown user"),
        (550, "relay denied for unknown recipient"),
        (554, "no such user"),
        (552, "5.5.3 too many recipients"),
        (None, ""),
    ],
)
def test_any_other_refusal_is_left_in_doubt(code: int | None, text: str) -> None:
    assert not says_no_such_recipient(Reply(code, text))
