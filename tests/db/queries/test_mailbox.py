import pytest
from sqlalchemy import inspect

from appliance.db.database import Database
from appliance.db.queries import mailbox
from appliance.mail.transport import Envelope
from appliance.services.mailbox import Mailbox
from tests.fakes import FakeClock
from tests.services_up import needs_postgres


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


@pytest.mark.parametrize(
    "kind", ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]
)
def test_search_looks_at_addresses_too(request: pytest.FixtureRequest, kind: str) -> None:
    database: Database = request.getfixturevalue(kind)
    keep(database, "one")

    with database.read() as session:
        assert len(mailbox.page(session, q="ANN@")[0]) == 1
        assert len(mailbox.page(session, q="shop@")[0]) == 1
        assert mailbox.page(session, q="bob@") == ([], None)


def test_a_search_ends_somewhere_and_says_where_it_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MOST_LOOKED_AT", 2)
    keep(database, "wanted", "two", "three", "four")

    with database.read() as session:
        nothing, before = mailbox.page(session, q="wanted")
        found, _ = mailbox.page(session, q="wanted", before=before)

    assert (list(nothing), [mail.subject for mail in found]) == ([], ["wanted"])
