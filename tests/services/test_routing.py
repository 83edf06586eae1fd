from datetime import timedelta
from typing import Any

import pytest

from appliance.db.models import SenderAccount
from appliance.db.models.message import Reason
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.services.routing import Obstacle, Routing, standings
from tests.fakes import NOON

TODAY = "2026-03-10"
MIDNIGHT = NOON + timedelta(hours=12)
SOON = NOON + timedelta(seconds=30)


def account(name: str, **fields: Any) -> SenderAccount:
    usual = {"id": name, "name": name, "priority": 0, "active": True, "count": 0, "count_date": TODAY}
    return SenderAccount(**usual | fields)


def routing(*accounts: SenderAccount) -> Routing:
    return Routing(accounts, now=NOON, today=TODAY, midnight=MIDNIGHT)


def picks(routing: Routing, count: int, pinned: str | None = None) -> list[str | None]:
    return [found.id if (found := routing.pick(pinned)) else None for _ in range(count)]


def test_higher_priority_goes_first_as_long_as_it_has_room() -> None:
    route = routing(account("low"), account("high", priority=5, daily_limit=2))

    assert picks(route, 3) == ["high", "high", "low"]


def test_equals_share_the_load_by_what_they_sent_today() -> None:
    route = routing(account("a", count=2), account("b"), account("old", count=99, count_date="2026-03-09"))

    assert picks(route, 6) == ["b", "old", "b", "old", "a", "b"]


def test_nothing_is_picked_beyond_the_daily_limits() -> None:
    route = routing(account("a", daily_limit=3, count=2), account("b", daily_limit=1))

    assert picks(route, 4) == ["b", "a", None, None]
    assert route.obstacle(None) == Obstacle(Reason.QUOTA, MIDNIGHT)


def test_what_is_put_back_can_be_picked_again() -> None:
    route = routing(account("a", daily_limit=2))
    assert picks(route, 3) == ["a", "a", None]

    route.put_back("a", 1)

    assert picks(route, 2) == ["a", None]


@pytest.mark.parametrize("trouble", [{"active": False}, {"breaker_until": SOON}, {"daily_limit": 0}])
def test_account_in_trouble_is_passed_over(trouble: dict[str, Any]) -> None:
    assert picks(routing(account("a", priority=9, **trouble), account("b")), 2) == ["b", "b"]


def test_half_open_account_takes_one_message() -> None:
    route = routing(account("a", breaker_until=NOON))

    assert (picks(route, 2), route.is_probe("a")) == (["a", None], True)
    assert route.obstacle(None).reason is Reason.BREAKER


def test_built_in_mailbox_steps_aside_even_for_an_account_that_is_paused() -> None:
    mailbox = account(BUILT_IN_MAILBOX_ID, priority=-1000)

    assert picks(routing(mailbox), 1) == [BUILT_IN_MAILBOX_ID]
    assert picks(routing(mailbox, account("a", active=False)), 1) == [None]


@pytest.mark.parametrize(
    ("others", "mailbox", "found"),
    [
        ([], {}, "ready"),
        ([{"active": False}], {}, "aside"),
        ([{"active": False}], {"active": False}, "paused"),
        ([{}], {"daily_limit": 0}, "full"),
    ],
)
def test_built_in_mailbox_is_not_called_ready_beside_another_account(
    others: list[dict[str, Any]], mailbox: dict[str, Any], found: str
) -> None:
    known = [account(BUILT_IN_MAILBOX_ID, **mailbox), *(account(f"a{n}", **one) for n, one in enumerate(others))]

    assert standings(known, NOON, TODAY)[BUILT_IN_MAILBOX_ID] == found


def test_built_in_mailbox_can_be_asked_for() -> None:
    assert picks(routing(account(BUILT_IN_MAILBOX_ID), account("a")), 1, BUILT_IN_MAILBOX_ID) == [BUILT_IN_MAILBOX_ID]


def test_pinned_message_takes_its_account_or_none() -> None:
    route = routing(account("a", daily_limit=1), account("b", priority=9))

    assert picks(route, 2, "a") == ["a", None]
    assert picks(route, 1, "gone") == [None]


def test_excluded_accounts_are_not_picked() -> None:
    found = routing(account("a", priority=9), account("b")).pick(None, excluding=frozenset({"a"}))

    assert found is not None
    assert found.id == "b"


@pytest.mark.parametrize(
    ("accounts", "pinned", "obstacle"),
    [
        ([], None, Obstacle(Reason.NO_ACCOUNT, None)),
        ([{}], "gone", Obstacle(Reason.ACCOUNT_GONE, None)),
        ([{"active": False}], None, Obstacle(Reason.PAUSED, None)),
        ([{"daily_limit": 0}], None, Obstacle(Reason.QUOTA, MIDNIGHT)),
        ([{"breaker_until": SOON}], None, Obstacle(Reason.BREAKER, SOON)),
        ([{"daily_limit": 0}, {"breaker_until": SOON}], None, Obstacle(Reason.BREAKER, SOON)),
        ([{"active": False}, {"daily_limit": 0}], None, Obstacle(Reason.QUOTA, MIDNIGHT)),
        (
            [{"breaker_until": MIDNIGHT + timedelta(hours=1)}, {"daily_limit": 0}],
            None,
            Obstacle(Reason.QUOTA, MIDNIGHT),
        ),
    ],
)
def test_obstacle_is_the_one_that_goes_away_first(
    accounts: list[dict[str, Any]], pinned: str | None, obstacle: Obstacle
) -> None:
    route = routing(*(account(f"a{number}", **fields) for number, fields in enumerate(accounts)))

    assert route.obstacle(pinned) == obstacle
