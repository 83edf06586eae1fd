"""Mail that was held for an account which is back, although the process dies before it is queued."""

from collections.abc import Callable
from typing import Any

import pytest

from appliance.db.models import Flag
from appliance.db.models.box import ACCOUNTS_BACK
from appliance.errors import StorageUnavailable
from appliance.services.messages import Messages
from appliance.services.return_of_accounts import OVERDUE
from appliance.services.sender_accounts import AccountForm
from tests.services.conftest import Chain, MakeChain
from tests.services.situations import state
from tests.services_up import needs_postgres

Return = Callable[[Chain, str], object]
RETURNS: dict[str, Return] = {
    "resumed": lambda chain, account: chain.accounts.resume(account),
    "changed": lambda chain, account: chain.accounts.change(account, {"active": True}),
    "another one made": lambda chain, account: chain.accounts.create(
        AccountForm("New", "new@example.com", host="127.0.0.1", security="none")
    ),
}


def held(chain: Chain) -> tuple[str, str]:
    """An account that is paused, and a message that waits for any account."""
    account = chain.account()
    chain.accounts.pause(account)
    message = chain.submit()
    chain.turn()
    assert state(chain, message) == ("held", "paused")
    return account, message


def noted(chain: Chain) -> Flag | None:
    with chain.database.read() as session:
        return session.get(Flag, ACCOUNTS_BACK)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[needs_postgres, pytest.mark.postgres])])
def chain(request: pytest.FixtureRequest, make_chain: MakeChain) -> Chain:
    if request.param == "postgres":
        return make_chain(database=request.getfixturevalue("postgres_database"))
    return make_chain()


@pytest.mark.parametrize("back", RETURNS.values(), ids=RETURNS)
def test_what_the_process_did_not_live_to_queue_is_queued_later(
    chain: Chain, back: Return, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, message = held(chain)

    def died(*_: Any) -> int:
        raise StorageUnavailable("gone")

    with monkeypatch.context() as dying:
        dying.setattr(Messages, "_release_step", died)
        with pytest.raises(StorageUnavailable):
            back(chain, account)

    chain.accounts.returns.turn()
    assert state(chain, message) == ("held", "paused")
    chain.clock.advance(seconds=OVERDUE.total_seconds() + 1)
    chain.accounts.returns.turn()

    assert state(chain, message)[0] == "queued"
    assert noted(chain) is None


@pytest.mark.parametrize("back", RETURNS.values(), ids=RETURNS)
def test_what_is_queued_at_once_leaves_nothing_to_do(chain: Chain, back: Return) -> None:
    account, message = held(chain)

    back(chain, account)

    assert state(chain, message)[0] == "queued"
    assert noted(chain) is None


def test_the_return_of_another_account_meanwhile_is_not_forgotten(chain: Chain) -> None:
    earlier = chain.database.write(lambda session: chain.accounts.returns.note(session, chain.clock()))
    later = chain.database.write(lambda session: chain.accounts.returns.note(session, chain.clock()))

    chain.accounts.returns.let_go(earlier, [])

    flag = noted(chain)
    assert flag is not None
    assert flag.value == later
