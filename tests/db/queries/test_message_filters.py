from typing import Any

import pytest
from sqlalchemy import select

from appliance.db.database import Database
from appliance.db.models import Message
from appliance.db.queries import messages
from appliance.db.queries.message_filters import Filters, filtered
from tests.factories import add_attempt, add_message
from tests.services_up import needs_postgres

BOTH = ["database", pytest.param("postgres_database", marks=[needs_postgres, pytest.mark.postgres])]


@pytest.fixture(params=BOTH)
def either(request: pytest.FixtureRequest) -> Database:
    """Each test runs on both kinds of database."""
    found: Database = request.getfixturevalue(request.param)
    return found


def add(database: Database, *to: str, **overrides: Any) -> str:
    return database.write(lambda session: add_message(session, *to, **overrides))


def ids(database: Database, **filters: Any) -> list[str]:
    """By the page, which is what the conditions say as well."""
    with database.read() as session:
        by_page = [message.id for message in messages.page(session, Filters(**filters)).items]
        query = filtered(select(Message.id), Filters(**filters)).order_by(Message.id.desc())
        assert list(session.scalars(query)) == by_page
    return by_page


def test_recipient_is_an_address_a_domain_or_a_beginning(either: Database) -> None:
    ann = add(either, "Ann.Smith@example.com", "bob@example.com")
    australian = add(either, "ann.smith@example.com.au")
    joann = add(either, "joann.smith@mail.example.com")

    for wanted, expected in {
        "ann.smith@EXAMPLE.com": [ann],
        "ann.smith@example.com.au": [australian],
        "@example.com": [ann],
        "@Mail.Example.com": [joann],
        "@example": [],
        "ANN": [australian, ann],
        "ann.smith@exa": [australian, ann],
        "ann.smith@example.": [australian, ann],
        "joann": [joann],
        "ann%": [],
        "_nn": [],
        "nobody": [],
    }.items():
        assert ids(either, recipient=wanted) == expected, wanted


def test_message_with_two_fitting_recipients_comes_once(either: Database) -> None:
    message = add(either, "a1@example.com", "a2@example.com", "a2@example.com")

    assert ids(either, recipient="a") == ids(either, recipient="@example.com") == [message]
    assert ids(either, recipient="a2@example.com") == [message]


def test_address_in_other_letters_than_a_to_z_is_found_as_it_is_written(either: Database) -> None:
    message = add(either, "Ärzte@example.com")

    assert ids(either, recipient="Ärzte@EXAMPLE.com") == ids(either, recipient="Är") == [message]


def test_account_is_one_that_was_asked_for_or_tried(either: Database) -> None:
    asked, tried, both, _ = (add(either, account_id=account) for account in ("acc_1", None, "acc_1", "acc_2"))
    for message in (tried, both, both):
        either.write(lambda session, message=message: add_attempt(session, message, account_id="acc_1"))

    assert ids(either, account="acc_1") == [both, tried, asked]


def test_key_reason_and_subject_filter(either: Database) -> None:
    wanted = add(either, api_key_id="key_1", reason="quota", status="held", subject="Your ORDER 7")
    add(either, api_key_id="key_2", reason="paused", status="held", subject="Your invoice")

    assert ids(either, key="key_1") == ids(either, reason="quota") == ids(either, subject="order") == [wanted]
    assert ids(either, subject=wanted) == []
    assert ids(either, key="key_2", api_key_id="key_1") == []


def test_several_states_are_one_list_in_order(either: Database) -> None:
    added = [add(either, status=status) for status in ("held", "failed", "sent", "held", "failed")]

    assert ids(either, status=("failed", "held")) == [added[4], added[3], added[1], added[0]]
