from sqlalchemy import inspect

from appliance.db.database import Database
from appliance.db.queries import mailbox
from appliance.mail.transport import Envelope
from appliance.services.mailbox import Mailbox
from tests.fakes import FakeClock


def keep(database: Database, *subjects: str) -> None:
    for subject in subjects:
        envelope = Envelope("shop@example.com", ("ann@example.com",), b"bytes", "<1@x>", subject)
        Mailbox(database, clock=FakeClock()).keep("acc_mailbox", envelope)


def test_pages_are_newest_first_without_the_bytes(database: Database) -> None:
    keep(database, "one", "two", "three")

    with database.read() as session:
        first, before = mailbox.page(session, limit=2)
        second, end = mailbox.page(session, before=before, limit=2)
        assert "data" in inspect(first[0]).unloaded

    assert [mail.subject for mail in (*first, *second)] == ["three", "two", "one"]
    assert end is None


def test_one_mail_comes_with_its_bytes(database: Database) -> None:
    keep(database, "one")

    with database.read() as session:
        [mail], _ = mailbox.page(session)
    with database.read() as session:
        found = mailbox.one(session, mail.id)
        assert mailbox.one(session, "mail_none") is None

    assert found is not None
    assert (found.data, found.size, found.rcpt_to) == (b"bytes", 5, ["ann@example.com"])


def test_search_takes_the_words_literally(database: Database) -> None:
    keep(database, "100% off", "1000 off")

    with database.read() as session:
        assert [mail.subject for mail in mailbox.page(session, q="100%")[0]] == ["100% off"]
        assert mailbox.count(session) == 2
