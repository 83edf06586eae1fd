from datetime import timedelta
from typing import Any

import pytest

from appliance.db.database import Database
from appliance.db.models import MessageTag
from appliance.db.models.base import insert_rows
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.queries import messages
from appliance.db.queries.messages import Filters
from tests.factories import add_account, add_attempt, add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres


def add(database: Database, *to: str, **overrides: Any) -> str:
    return database.write(lambda session: add_message(session, *to, **overrides))


def ids(database: Database, **filters: Any) -> list[str]:
    with database.read() as session:
        return [message.id for message in messages.page(session, Filters(**filters)).items]


def test_pages_are_newest_first_and_arrivals_shift_nothing(database: Database) -> None:
    added = [add(database) for _ in range(5)]
    with database.read() as session:
        first = messages.page(session, Filters(), limit=2)
    add(database)

    with database.read() as session:
        second = messages.page(session, Filters(), before=first.next_id, limit=2)
        third = messages.page(session, Filters(), before=second.next_id, limit=2)

    pages = [[message.id for message in page.items] for page in (first, second, third)]
    assert pages == [[added[4], added[3]], [added[2], added[1]], [added[0]]]
    assert third.next_id is None


def test_last_page_that_is_just_full_has_no_next(database: Database) -> None:
    for _ in range(2):
        add(database)

    with database.read() as session:
        assert messages.page(session, Filters(), limit=2).next_id is None


def test_page_has_the_recipients_of_its_messages_in_their_order(database: Database) -> None:
    message = add(database, "b@example.com", "a@example.com")

    with database.read() as session:
        page = messages.page(session, Filters())

    assert [one.email for one in page.recipients[message]] == ["b@example.com", "a@example.com"]


@pytest.mark.parametrize(
    ("match", "miss", "filters"),
    [
        ({"status": "failed"}, {"status": "sent"}, {"status": ("failed", "held")}),
        ({"api_key_id": "key_1"}, {"api_key_id": "key_2"}, {"api_key_id": "key_1"}),
        ({"account_id": "acc_1"}, {"account_id": "acc_2"}, {"account": "acc_1"}),
        ({"created_at": NOON}, {"created_at": NOON - timedelta(seconds=1)}, {"since": NOON}),
        ({"created_at": NOON - timedelta(seconds=1)}, {"created_at": NOON}, {"until": NOON}),
        ({"subject": "Your ORDER 7"}, {"subject": "Order 77".replace("77", "8")}, {"q": "order 7"}),
        ({"subject": "100% off"}, {"subject": "1000 off"}, {"q": "100% o"}),
        ({"rfc_message_id": "<7@x>"}, {"rfc_message_id": "<8@x>"}, {"q": "<7@x>"}),
        ({"request_id": "req_7"}, {"request_id": "req_8"}, {"q": "req_7"}),
    ],
)
def test_filter_finds_what_it_says_and_nothing_else(
    database: Database, match: dict[str, Any], miss: dict[str, Any], filters: dict[str, Any]
) -> None:
    wanted = add(database, **match)
    add(database, **miss)

    assert ids(database, **filters) == [wanted]


def test_filter_by_recipient_takes_an_address_or_its_beginning(database: Database) -> None:
    ann = add(database, "ann@example.com", "bob@example.com")
    add(database, "joann@example.com")

    assert ids(database, recipient="ann@example.com") == [ann]
    assert ids(database, recipient="ann") == [ann]
    assert ids(database, recipient="ann%") == []


def test_filter_by_account_also_finds_what_was_tried_through_it(database: Database) -> None:
    tried = add(database)
    database.write(lambda session: add_attempt(session, tried, account_id="acc_1"))
    add(database)

    assert ids(database, account="acc_1") == [tried]


def test_filter_by_tag(database: Database) -> None:
    tagged = add(database)
    add(database)
    database.write(lambda session: insert_rows(session, MessageTag, {"message_id": tagged, "tag": "news"}))

    assert (ids(database, tag="news"), ids(database, tag="new")) == ([tagged], [])


def test_filters_are_combined(database: Database) -> None:
    wanted = add(database, status="failed", subject="Invoice")
    add(database, status="failed")
    add(database, subject="Invoice")

    assert ids(database, status=("failed",), q="invoice") == [wanted]


def test_detail_has_everything_and_only_for_its_own_key(database: Database) -> None:
    message = add(database, api_key_id="key_1")
    account = database.write(add_account)
    database.write(lambda session: add_attempt(session, message))
    database.write(lambda session: add_account(session, deleted_at=NOON))

    with database.read() as session:
        found = messages.detail(session, message, api_key_id="key_1")
        assert messages.detail(session, message, api_key_id="key_2") is None
        assert messages.detail(session, "msg_none") is None

    assert found is not None
    assert found.body is not None
    assert (found.body.text, len(found.recipients), len(found.attempts)) == ("Hello Ann", 1, 1)
    assert [one.id for one in found.accounts] == [account]


@pytest.mark.parametrize(
    "kind", ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]
)
def test_counts_name_every_state(request: pytest.FixtureRequest, kind: str) -> None:
    database: Database = request.getfixturevalue(kind)
    add(database)
    add(database)
    add(database, status="failed")

    with database.read() as session:
        counts = messages.counts_by_status(session)

    assert counts == {str(status): 0 for status in MessageStatus} | {"queued": 2, "failed": 1}


def test_oldest_unfinished_of_each_state(database: Database) -> None:
    add(database, created_at=NOON - timedelta(hours=1))
    add(database)
    add(database, status="sent", created_at=NOON - timedelta(hours=9))

    with database.read() as session:
        assert messages.oldest_unfinished_at(session) == {"queued": NOON - timedelta(hours=1)}


def test_held_ids_are_the_oldest_of_those_reasons(database: Database) -> None:
    held = [add(database, status="held", reason="quota") for _ in range(3)]
    add(database, status="held", reason="paused")
    add(database, status="deferred", reason="quota")

    with database.read() as session:
        assert messages.held_ids(session, [Reason.QUOTA], limit=2) == held[:2]
        assert messages.held_ids(session, [Reason.QUOTA], after=held[1], limit=2) == held[2:]


def test_status_is_told_to_its_own_key_only(database: Database) -> None:
    message = add(database, api_key_id="key_1")

    with database.read() as session:
        answers = [messages.status_of(session, message, key) for key in (None, "key_1", "key_2")]

    assert answers == ["queued", "queued", None]
