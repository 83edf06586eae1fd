"""A failed test of a sender account counts until something newer says more."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import AuditEntry
from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.db.queries import account_tests, accounts
from appliance.db.queries.account_tests import FailedTest
from appliance.services import account_test
from tests.factories import add_account, add_attempt, add_message
from tests.fakes import NOON

LATER = NOON + timedelta(hours=1)
LATEST = NOON + timedelta(hours=2)


@pytest.fixture
def account(database: Database) -> str:
    return database.write(add_account)


def noted(database: Database, account_id: str, error: str) -> None:
    row = account_test.entry(account_id, "Shop", None, error, LATER)
    database.write(lambda session: AuditEntry.note(session, row))


def failed(database: Database, account_id: str) -> FailedTest | None:
    with database.read() as session:
        account = accounts.one(session, account_id)
        assert account is not None
        return account_tests.still_failed(session, account)


def test_an_account_that_was_never_tested_has_not_failed(database: Database, account: str) -> None:
    noted(database, database.write(add_account), "another one failed")

    assert failed(database, account) is None


def test_the_last_test_counts(database: Database, account: str) -> None:
    noted(database, account, "535 no")
    first = failed(database, account)
    noted(database, account, "")
    second = failed(database, account)
    noted(database, account, "cannot connect")

    assert (first, second) == (FailedTest(LATER, "535 no"), None)
    assert failed(database, account) == FailedTest(LATER, "cannot connect")


def test_a_test_of_settings_that_were_changed_meanwhile_counts_no_more(database: Database) -> None:
    account = database.write(lambda session: add_account(session, updated_at=LATEST))

    noted(database, account, "535 no")

    assert failed(database, account) is None


@pytest.mark.parametrize(
    ("attempt", "counts"),
    [
        ({}, False),
        ({"outcome": AttemptOutcome.PARTIAL}, False),
        ({"outcome": AttemptOutcome.ACCOUNT_ERROR}, True),
        ({"outcome": AttemptOutcome.DEFERRED}, True),
        ({"account_id": "acc_other"}, True),
        ({"started_at": NOON}, True),
    ],
)
def test_a_test_counts_until_a_message_went_through(
    database: Database, account: str, attempt: dict[str, object], counts: bool
) -> None:
    noted(database, account, "535 no")

    def send(session: Session) -> None:
        add_attempt(session, add_message(session), **{"account_id": account, "started_at": LATEST} | attempt)

    database.write(send)

    assert (failed(database, account) is not None) == counts
