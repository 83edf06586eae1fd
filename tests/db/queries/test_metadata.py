from typing import Any

import pytest

from appliance.db.database import Database
from appliance.db.queries import message_search, messages
from appliance.db.queries.messages import Filters, Page
from tests.factories import add_message
from tests.services_up import needs_postgres


def search(database: Database, *wanted: tuple[str, str], before: str | None = None, limit: int = 50) -> Page:
    with database.read() as session:
        return messages.page(session, Filters(metadata=wanted), before=before, limit=limit)


def add(database: Database, metadata: dict[str, Any]) -> str:
    return database.write(lambda session: add_message(session, metadata=metadata))


def test_values_are_found_as_text(database: Database) -> None:
    assert_values_are_found(database)


@needs_postgres
@pytest.mark.postgres
def test_values_are_found_as_text_on_postgresql(postgres_database: Database) -> None:
    assert_values_are_found(postgres_database)


def assert_values_are_found(database: Database) -> None:
    metadata = {
        "n": 7,
        "t": "7 ä",
        "yes": True,
        "no": False,
        "half": 0.5,
        "null": None,
        "in": {"a": 1},
        "a\"b.c'$": "q",
    }
    message = add(database, metadata)
    add(database, {"n": 70, "yes": "no", "grüße": "ä"})

    for key, value in [("n", "7"), ("t", "7 ä"), ("yes", "true"), ("no", "false"), ("half", "0.5"), ("a\"b.c'$", "q")]:
        assert [one.id for one in search(database, (key, value)).items] == [message], key
    for key, value in [("n", "8"), ("yes", "1"), ("null", ""), ("none", ""), ("in", "1"), ("a", "1"), ("t", "7 ")]:
        assert search(database, (key, value)).items == [], key
    assert len(search(database, ("grüße", "ä")).items) == 1
    assert search(database, ("n", "7"), ("t", "else")).items == []


def test_page_looks_at_a_part_of_all_messages(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_search, "MOST_LOOKED_AT", 10)
    wanted = [add(database, {"n": 1})]
    for _ in range(25):
        add(database, {})
    wanted.append(add(database, {"n": 1}))

    pages = [search(database, ("n", "1"))]
    while pages[-1].next_id:
        pages.append(search(database, ("n", "1"), before=pages[-1].next_id))

    assert [len(page.items) for page in pages] == [1, 0, 1]
    assert [one.id for page in pages for one in page.items] == list(reversed(wanted))


def test_full_page_goes_on_after_its_last_message(database: Database) -> None:
    found = [add(database, {"n": 1}) for _ in range(3)]

    first = search(database, ("n", "1"), limit=2)
    second = search(database, ("n", "1"), limit=2, before=first.next_id)

    assert [one.id for one in (*first.items, *second.items)] == list(reversed(found))
    assert second.next_id is None
