"""Mail that waits for a sender account which is deleted meanwhile."""

from typing import Any

import pytest

from appliance.db.database import Database
from appliance.db.models import Flag, SenderAccount
from appliance.db.models.message import Message
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.services.key_limits import KeyLimits
from appliance.services.left_behind import STEP
from appliance.services.submission import Submitter
from tests.factories import submit_message
from tests.services.conftest import Chain, MakeChain
from tests.services.situations import says, state
from tests.services_up import needs_postgres

GONE = "The sender account that it asked for was deleted; cancel it, or send it anew without naming an account."


def bound(chain: Chain, *accounts: str) -> str:
    """A message whose API key may use these accounts."""
    submitter = Submitter("key", "", KeyLimits(allowed_accounts=accounts))
    return chain.submission.submit(submit_message(), submitter).id


def paused(chain: Chain, **fields: Any) -> str:
    account = chain.account(**fields)
    chain.accounts.pause(account)
    return account


def look(chain: Chain) -> None:
    """What the errand does, until there is nothing to look for."""
    while chain.accounts.left_behind.turn():
        pass


def due(chain: Chain, message: str) -> object:
    return chain.detail(message).message.due_at


@pytest.mark.parametrize(("trouble", "reason"), [({"active": False}, "paused"), ({"daily_limit": 0}, "quota")])
def test_a_message_says_at_once_that_the_account_it_waits_for_was_deleted(
    faked: Chain, trouble: dict[str, Any], reason: str
) -> None:
    faked.account(name="Other")
    account = faked.account(**trouble)
    message = faked.submit(account=account)
    faked.turn()
    assert state(faked, message) == ("held", reason)

    faked.accounts.delete(account)
    says(faked, message, GONE)
    look(faked)

    assert (*state(faked, message), due(faked, message)) == ("held", "account_gone", None)
    says(faked, message, GONE)


def test_a_message_that_rests_with_its_account_does_not_wait_for_its_return(faked: Chain) -> None:
    faked.account(name="Other")
    account = faked.account()
    until = faked.clock().replace(hour=23)
    faked.database.write(lambda s: setattr(s.get(SenderAccount, account), "breaker_until", until))
    message = faked.submit(account=account)
    faked.turn()

    faked.accounts.delete(account)
    look(faked)

    assert (*state(faked, message), due(faked, message)) == ("held", "account_gone", None)


def test_a_deletion_that_the_process_did_not_survive_is_made_up(make_chain: MakeChain) -> None:
    chain = make_chain()
    account = paused(chain)
    messages = [chain.submit(account=account) for _ in range(3)]
    chain.turn()
    chain.accounts.delete(account)

    look(make_chain())

    assert {state(chain, message) for message in messages} == {("held", "account_gone")}


def test_a_backlog_is_looked_through_step_by_step_and_goes_on_where_a_process_died(make_chain: MakeChain) -> None:
    chain = make_chain()
    account, other = paused(chain), paused(chain, name="Other")
    for number in range(2 * STEP + 10):
        chain.submit(account=other if number % 2 else account)
    chain.turn()
    chain.accounts.delete(account)

    assert chain.accounts.left_behind.turn()
    assert reasons(chain) == {"account_gone": STEP // 2, "paused": 2 * STEP + 10 - STEP // 2}
    look(make_chain())

    assert reasons(chain) == {"account_gone": STEP + 5, "paused": STEP + 5}


def test_a_deletion_while_another_one_is_looked_after_begins_anew(chain: Chain) -> None:
    first, second = paused(chain), paused(chain, name="Second")
    for number in range(STEP + 10):
        chain.submit(account=first if number else second)
    chain.turn()
    chain.accounts.delete(first)
    chain.accounts.left_behind.turn()

    chain.accounts.delete(second)
    look(chain)

    assert reasons(chain) == {"account_gone": STEP + 10}


def test_what_may_use_another_account_still_waits_for_that(faked: Chain) -> None:
    account, other = paused(faked), paused(faked, name="Other")
    free, of_key, pinned = faked.submit(), bound(faked, account, other), faked.submit(account=other)
    faked.turn()

    faked.accounts.delete(account)
    look(faked)

    assert {state(faked, one) for one in (free, of_key, pinned)} == {("held", "paused")}
    faked.accounts.resume(other)
    faked.turn()
    assert {faked.status(one) for one in (free, of_key, pinned)} == {"sent"}


def test_what_its_key_allows_is_all_deleted(chain: Chain) -> None:
    one, two = paused(chain), paused(chain, name="Other")
    message = bound(chain, one, two)
    chain.turn()

    chain.accounts.delete(one)
    chain.accounts.delete(two)
    says(chain, message, "Every sender account that its API key may use was deleted")
    look(chain)

    assert state(chain, message) == ("held", "account_gone")


def test_mail_does_not_end_in_the_mailbox_by_surprise_when_the_last_account_is_deleted(faked: Chain) -> None:
    account = faked.account(daily_limit=0)
    message = faked.submit()
    faked.turn()

    faked.accounts.delete(account)
    says(faked, message, "no sender account but the built-in mailbox", "add one", "retry it, and the mailbox keeps it.")
    look(faked)

    assert (*state(faked, message), due(faked, message)) == ("held", "no_account", None)
    says(faked, message, "no sender account but the built-in mailbox", "add one", "retry it, and the mailbox keeps it.")
    faked.clock.advance(days=1)
    faked.accounts.close_day()
    faked.turn()
    assert faked.status(message) == "held"
    faked.account()
    faked.turn()
    assert faked.status(message) == "sent"


def test_held_mail_that_is_retried_without_an_account_is_kept_by_the_mailbox(chain: Chain) -> None:
    account = paused(chain)
    message = chain.submit()
    chain.turn()
    chain.accounts.delete(account)
    look(chain)

    chain.messages.retry(message)
    chain.turn()

    assert [one.account_id for one in chain.detail(message).attempts] == [BUILT_IN_MAILBOX_ID]


def test_a_key_that_may_use_the_mailbox_has_its_mail_kept_there(chain: Chain) -> None:
    account = paused(chain)
    message = bound(chain, account, BUILT_IN_MAILBOX_ID)
    chain.turn()
    assert state(chain, message) == ("held", "paused")

    chain.accounts.delete(account)
    look(chain)
    chain.turn()

    assert chain.status(message) == "sent"


def test_what_a_person_has_to_decide_stays_as_it_is(chain: Chain) -> None:
    account = paused(chain)
    message = chain.submit(account=account)
    chain.database.write(lambda s: Message.hold(s, [message], reason="kept_back", until=None))  # type: ignore[arg-type]

    chain.accounts.delete(account)
    look(chain)

    assert state(chain, message) == ("held", "kept_back")


def test_nothing_is_looked_for_unless_an_account_was_deleted(chain: Chain) -> None:
    account = paused(chain)
    chain.submit(account=account)
    chain.turn()

    assert not chain.accounts.left_behind.turn()
    chain.accounts.delete(account)
    look(chain)

    with chain.database.read() as session:
        assert session.query(Flag).count() == 0


@needs_postgres
@pytest.mark.postgres
def test_on_a_database_server_too(postgres_database: Database, make_chain: MakeChain) -> None:
    chain = make_chain(database=postgres_database)
    account = paused(chain)
    pinned, free = chain.submit(account=account), chain.submit()
    chain.turn()

    chain.accounts.delete(account)
    look(chain)

    assert (state(chain, pinned), state(chain, free)) == (("held", "account_gone"), ("held", "no_account"))


def reasons(chain: Chain) -> dict[str, int]:
    """Of all messages."""
    with chain.database.read() as session:
        found = [one.reason for one in session.query(Message)]
    return {reason: found.count(reason) for reason in found}
