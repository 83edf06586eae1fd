"""Which sender account a message goes out through, or what stands in its way. Pure: it decides on what it was given."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from appliance.db.models import SenderAccount
from appliance.db.models.message import Reason
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID, AccountState


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no account can take a message now, and when that will have changed by itself (None: only by a person)."""

    reason: Reason
    until: datetime | None


@dataclass(slots=True)
class _Seat:
    account: SenderAccount
    state: AccountState
    room: int | None
    taken: int = 0

    def offers(self) -> bool:
        if self.state is AccountState.PROBING:
            return self.taken == 0  # one message tries whether the account works again
        return self.state is AccountState.READY and (self.room is None or self.taken < self.room)

    def rank(self, today: str) -> tuple[int, int, str]:
        """Higher priority first, then fewest sent today."""
        return (-self.account.priority, self.account.sent_on(today) + self.taken, self.account.id)


class Routing:
    """The accounts as they stand at one moment. `pick` remembers what it gave away; `taken` says it, to be reserved."""

    def __init__(self, accounts: Iterable[SenderAccount], *, now: datetime, today: str, midnight: datetime) -> None:
        self._today = today
        self._midnight = midnight
        self._seats = {
            account.id: _Seat(account, account.state(now, today), account.remaining(today)) for account in accounts
        }

    def pick(self, pinned: str | None, *, excluding: frozenset[str] = frozenset()) -> SenderAccount | None:
        open_seats = [seat for seat in self._candidates(pinned) if seat.offers() and seat.account.id not in excluding]
        if not open_seats:
            return None
        seat = min(open_seats, key=lambda seat: seat.rank(self._today))
        seat.taken += 1
        return seat.account

    def put_back(self, account_id: str, count: int) -> None:
        """What was picked and is not needed in this round."""
        self._seats[account_id].taken -= count

    def is_probe(self, account_id: str) -> bool:
        return self._seats[account_id].state is AccountState.PROBING

    def obstacle(self, pinned: str | None) -> Obstacle:
        candidates = self._candidates(pinned)
        if not candidates:
            return Obstacle(Reason.NO_ACCOUNT if pinned is None else Reason.ACCOUNT_GONE, None)
        ways_out = [self._way_out(seat) for seat in candidates]
        timed = [way for way in ways_out if way.until is not None]
        return min(timed, key=lambda way: way.until or self._midnight) if timed else ways_out[0]

    def _way_out(self, seat: _Seat) -> Obstacle:
        if seat.state is AccountState.PAUSED:
            return Obstacle(Reason.PAUSED, None)
        if seat.state in (AccountState.RESTING, AccountState.PROBING):
            return Obstacle(Reason.BREAKER, seat.account.breaker_until)
        return Obstacle(Reason.QUOTA, self._midnight)

    def _candidates(self, pinned: str | None) -> list[_Seat]:
        if pinned is not None:
            return [self._seats[pinned]] if pinned in self._seats else []
        # the built-in mailbox steps aside as soon as there is another account, so that no mail ends in it by surprise
        others = [seat for seat in self._seats.values() if seat.account.id != BUILT_IN_MAILBOX_ID]
        return others or list(self._seats.values())
