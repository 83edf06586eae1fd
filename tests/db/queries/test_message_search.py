import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Message, MessageTag
from appliance.db.models.base import insert_rows
from appliance.db.queries import message_search, message_ways, messages
from appliance.db.queries.message_filters import Filters, filtered
from appliance.services.search_index import SearchIndex
from tests.factories import add_attempt, add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres

CHOICES: dict[str, list[Any]] = {
    "status": [("sent",), ("failed",), ("failed", "held"), ("cancelled",)],
    "recipient": ["ann", "bob@example.com", "@example.org", "zoe"],
    "tag": ["news", "rare", "none"],
    "account": ["acc_1", "acc_2"],
    "since": [NOON - timedelta(minutes=90)],
    "until": [NOON - timedelta(minutes=30)],
    "q": ["order", "发票", "er", "msg_none"],
    "api_key_id": ["key_1", "key_2"],
    "reason": ["refused", "quota"],
    "metadata": [(("n", "3"),)],
}


def fill(session: Session, chance: random.Random, count: int) -> None:
    for number in range(count):
        message = add_message(
            session,
            chance.choice(["ann@example.com", "bob@example.com", "carol@example.org"]),
            status=chance.choice(["sent", "sent", "sent", "failed", "held"]),
            reason=chance.choice(["", "refused"]),
            subject=chance.choice([f"Your order {number}", f"您的发票{number}", "Hello"]),
            metadata={"n": number % 7},
            api_key_id=chance.choice(["key_1", "key_2"]),
            account_id=chance.choice([None, "acc_1"]),
            created_at=NOON - timedelta(minutes=count - number, seconds=chance.randrange(120)),
        )
        for tag in chance.choice([["news"], ["news", "rare"], []]):
            insert_rows(session, MessageTag, {"message_id": message, "tag": tag})
        if chance.random() < 0.3:
            add_attempt(session, message, account_id="acc_2")


def page_by_page(session: Session, filters: Filters, limit: int) -> Iterator[str]:
    before = None
    while True:
        page = messages.page(session, filters, before=before, limit=limit)
        assert len(page.items) <= limit
        yield from (message.id for message in page.items)
        if page.next_id is None:
            return
        before = page.next_id


@pytest.mark.parametrize(
    "kind", ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]
)
@pytest.mark.parametrize("most_looked_at", [20, 10_000])
def test_pages_have_together_exactly_what_the_filters_say(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str, most_looked_at: int
) -> None:
    database: Database = request.getfixturevalue(kind)
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", most_looked_at)
    monkeypatch.setattr(message_search, "FIRST_LOOK", 7)
    monkeypatch.setattr(message_ways, "GLANCE", 10)
    chance = random.Random(7)
    database.write(lambda session: fill(session, chance, 130))
    SearchIndex(database).turn()  # some are taken up, some wait

    with database.read() as session:
        for _ in range(80):
            names = chance.sample(sorted(CHOICES), chance.randint(1, 3))
            filters = Filters(**{name: chance.choice(CHOICES[name]) for name in names})
            expected = list(session.scalars(filtered(select(Message.id), filters).order_by(Message.id.desc())))
            assert list(page_by_page(session, filters, chance.choice([1, 5, 50]))) == expected, filters


def test_search_says_where_it_goes_on_when_it_has_looked_long_enough(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", 10)
    monkeypatch.setattr(message_ways, "GLANCE", 5)
    added = [database.write(lambda s: add_message(s, status="sent", subject="zz")) for _ in range(3)]
    for _ in range(25):
        database.write(lambda session: add_message(session, status="sent"))

    with database.read() as session:
        first = message_search.find(session, Filters(status=("sent",), q="zz"), limit=50)
        pages = list(page_by_page(session, Filters(status=("sent",), q="zz"), 50))

    assert (list(first.ids), first.next_id is not None) == ([], True)
    assert pages == list(reversed(added))


def test_filter_that_few_fit_is_answered_whole_beside_one_that_all_fit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", 10)
    rare = database.write(lambda session: add_message(session, status="sent", reason="refused"))
    for _ in range(25):
        database.write(lambda session: add_message(session, status="sent"))

    with database.read() as session:
        found = message_search.find(session, Filters(status=("sent",), reason="refused"), limit=50)

    assert (list(found.ids), found.next_id) == ([rare], None)


def test_search_begins_where_the_last_of_its_filters_begins(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", 10)
    monkeypatch.setattr(message_ways, "GLANCE", 5)
    sent = [database.write(lambda s: add_message(s, status="sent", api_key_id="key_1")) for _ in range(9)]
    for _ in range(40):
        database.write(lambda session: add_message(session, api_key_id="key_1"))

    with database.read() as session:
        found = message_search.find(session, Filters(status=("sent",), key="key_1"), limit=3)

    assert list(found.ids) == sent[:5:-1]


@pytest.mark.parametrize("before", ["msg_!", "zzz", "", "msg_1"])
def test_cursor_that_is_no_id_does_no_harm(database: Database, before: str) -> None:
    database.write(lambda session: add_message(session, subject="Hello"))
    SearchIndex(database).turn()

    with database.read() as session:
        message_search.find(session, Filters(q="hello"), before=before, limit=5)


def test_moments_that_no_message_fits_find_nothing(database: Database) -> None:
    database.write(add_message)

    with database.read() as session:
        assert message_search.find(session, Filters(since=NOON + timedelta(seconds=1)), limit=5).ids == []
        assert message_search.find(session, Filters(until=NOON), limit=5).ids == []


@pytest.mark.parametrize(
    "kind", ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]
)
@pytest.mark.parametrize("named", ["id", "rfc_message_id", "request_id"])
def test_old_message_is_found_at_once_by_its_ids(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str, named: str
) -> None:
    database: Database = request.getfixturevalue(kind)
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", 5)
    ids = {"rfc_message_id": "<7@box.example>", "request_id": "req_7"}
    old = database.write(lambda session: add_message(session, **ids))
    for _ in range(20):
        database.write(add_message)

    with database.read() as session:
        found = message_search.find(session, Filters(q=(ids | {"id": old})[named]), limit=5)

    assert (list(found.ids), found.next_id) == ([old], None)
