import pytest
from sqlalchemy import text

from appliance.db.database import Database
from appliance.db.models.message_removal import remove_finished
from appliance.db.queries import messages
from appliance.db.queries.messages import Filters
from appliance.services import search_index
from appliance.services.search_index import SearchIndex
from tests.factories import add_message
from tests.services_up import needs_postgres


def add(database: Database, subject: str) -> str:
    return database.write(lambda session: add_message(session, status="sent", subject=subject))


def found(database: Database, q: str) -> list[str]:
    with database.read() as session:
        return [message.id for message in messages.page(session, Filters(q=q)).items]


def indexed(database: Database) -> int:
    with database.read() as session:
        query = "SELECT count(*) FROM message_search_index WHERE message_search_index MATCH 'ell'"
        return int(session.scalar(text(query)) or 0)


SUBJECTS = [
    ("Your invoice 4711", "OICE 47"),
    ("Ihre Größe", "GRÖSSE"),
    ("您的发票已开具", "发票"),
    ("您的发票已开具", "票"),
    ("订单A1已发货", "单A"),
    ('Say "yes" to 100%', '"yes" to 100%'),
    ("ご注文の確認", "文の"),
    ("안내: 주문", "주문"),
]


@pytest.mark.parametrize(("subject", "q"), SUBJECTS)
def test_subject_is_found_before_and_after_it_was_taken_up(database: Database, subject: str, q: str) -> None:
    wanted = add(database, subject)
    add(database, "Something else 4 2")

    before = found(database, q)
    SearchIndex(database).turn()

    assert before == found(database, q) == [wanted]


@needs_postgres
@pytest.mark.postgres
@pytest.mark.parametrize(("subject", "q"), SUBJECTS)
def test_subject_is_found_on_postgresql(postgres_database: Database, subject: str, q: str) -> None:
    wanted = add(postgres_database, subject)
    add(postgres_database, "Something else 4 2")

    assert not SearchIndex(postgres_database).turn()
    assert found(postgres_database, q) == [wanted]


def test_search_reads_both_what_was_taken_up_and_what_waits(database: Database) -> None:
    first = add(database, "Hello 1")
    SearchIndex(database).turn()
    second = add(database, "Hello 2")

    assert found(database, "hello") == [second, first]


def test_subjects_are_taken_up_some_at_a_time_and_each_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "STEP", 2)
    for _ in range(3):
        add(database, "Hello")
    index = SearchIndex(database)

    turns = [index.turn(), index.turn(), index.turn()]

    assert turns == [True, False, False]
    assert indexed(database) == 3


def test_message_that_is_removed_leaves_nothing_in_the_index(database: Database) -> None:
    taken_up = add(database, "Hello 1")
    SearchIndex(database).turn()
    waiting = add(database, "Hello 2")

    database.write(lambda session: remove_finished(session, [taken_up, waiting]))

    assert indexed(database) == 0
    assert found(database, "hello") == []
    database.write(
        lambda session: session.execute(
            text("INSERT INTO message_search_index (message_search_index) VALUES ('integrity-check')")
        )
    )
