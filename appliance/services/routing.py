"""Which sender account a message goes out through, or what stands in its way. Pure: it decides on what it was given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from operator import attrgetter

from appliance.db.models import SenderAccount
from appliance.db.models.message import Reason
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID, AccountState

ABLE = (AccountState.READY, AccountState.PROBING)
"""States in which an account sends."""
ASIDE = "aside"
"""How the built-in mailbox stands while there is another account: it takes what names it, and nothing else."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no account can take a message now, and when that will have changed by itself (None: only by a person)."""

    reason: Reason
    until: datetime | None


def taking_turns(accounts: Iterable[SenderAccount]) -> list[SenderAccount]:
    """Those of `accounts` that a message goes to which may take any of them.

    The built-in mailbox steps aside as soon as there is another account, so that no mail ends in it by surprise.
    """
    known = list(accounts)
    return [one for one in known if one.id != BUILT_IN_MAILBOX_ID] or known


def standings(accounts: Sequence[SenderAccount], now: datetime, today: str) -> dict[str, str]:
    """How each of all accounts stands, by its id: an AccountState, or ASIDE instead of one in which it would send."""
    found: dict[str, str] = {one.id: one.state(now, today) for one in accounts}
    at_turn = {one.id for one in taking_turns(accounts)}
    return {key: ASIDE if state in ABLE and key not in at_turn else state for key, state in found.items()}


class _Seat:
    """What is asked for every message stands ready: asking the account each time is most of what a claim costs."""

    __slots__ = ("account", "id", "left", "rank", "state")

    def __init__(self, account: SenderAccount, now: datetime, today: str) -> None:
        self.account = account
        self.state = account.state(now, today)
        self.id = account.id
        self.left = _places(self.state, account.remaining(today))  # messages that it takes yet
        self.rank = (-account.priority, account.sent_on(today), account.id)  # higher priority, then fewest sent today

    def take(self, count: int) -> None:
        """Negative: gives back."""
        priority, sent, id_ = self.rank
        self.left -= count
        self.rank = (priority, sent + count, id_)


_RANK = attrgetter("rank")


def _places(state: AccountState, room: int | None) -> float:
    """How many messages an account takes."""
    if state is AccountState.PROBING:
        return 1  # which tries whether the account works again
    if state is not AccountState.READY:
        return 0
    return inf if room is None else room


class Routing:
    """The accounts as they stand at one moment. `pick` remembers what it gave away, to be reserved.

    A `choice` is that of a message: the ids of the accounts it may go out through, apart by spaces, or None for all.
    """

    def __init__(self, accounts: Iterable[SenderAccount], *, now: datetime, today: str, midnight: datetime) -> None:
        self._midnight = midnight
        self._seats = {account.id: _Seat(account, now, today) for account in accounts}
        self._known: dict[str | None, list[_Seat]] = {}

    def pick(self, choice: str | None, *, excluding: frozenset[str] = frozenset()) -> SenderAccount | None:
        open_seats = [seat for seat in self._candidates(choice) if seat.left > 0 and seat.id not in excluding]
        if not open_seats:
            return None
        seat = min(open_seats, key=_RANK)
        seat.take(1)
        return seat.account

    def offers(self, choice: str | None) -> bool:
        """Whether an account could take one more."""
        return any(seat.left > 0 for seat in self._candidates(choice))

    def put_back(self, account_id: str, count: int) -> None:
        """What was picked and is not needed in this round."""
        self._seats[account_id].take(-count)

    def is_probe(self, account_id: str) -> bool:
        return self._seats[account_id].state is AccountState.PROBING

    def obstacle(self, choice: str | None, *, excluding: frozenset[str] = frozenset()) -> Obstacle:
        candidates = [seat for seat in self._candidates(choice) if seat.id not in excluding]
        if not candidates:
            return Obstacle(Reason.NO_ACCOUNT if choice is None else Reason.ACCOUNT_GONE, None)
        ways_out = [self._way_out(seat) for seat in candidates]
        timed = [way for way in ways_out if way.until is not None]
        return min(timed, key=lambda way: way.until or self._midnight) if timed else ways_out[0]

    def _way_out(self, seat: _Seat) -> Obstacle:
        if seat.state is AccountState.PAUSED:
            return Obstacle(Reason.PAUSED, None)
        if seat.state in (AccountState.RESTING, AccountState.PROBING):
            return Obstacle(Reason.BREAKER, seat.account.breaker_until)
        return Obstacle(Reason.QUOTA, self._midnight)

    def _candidates(self, choice: str | None) -> list[_Seat]:
        if choice not in self._known:
            self._known[choice] = self._named_by(choice)
        return self._known[choice]

    def _named_by(self, choice: str | None) -> list[_Seat]:
        named = self._seats if choice is None else choice.split()
        accounts = (self._seats[account_id].account for account_id in named if account_id in self._seats)
        return [self._seats[account.id] for account in taking_turns(accounts)]
