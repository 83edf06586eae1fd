"""Moves a sender account one place up or down in the order in which they are used.

The order is that of the priorities, and accounts of the same priority take turns. A move changes as few priorities as
it can: those that took turns with one another still do, except with the one that was moved.
"""

from collections.abc import Mapping, Sequence

from appliance.errors import WrongState
from appliance.language import gettext

HIGHEST, LOWEST = 1000, -1000

Standing = Sequence[tuple[str, int]]  # id and priority, the one that is used first at the top


def moved_up(standing: Standing, account_id: str) -> Mapping[str, int]:
    """The priorities that change. Nothing for the one at the top, and for one that is not there.

    Raises:
        WrongState: there is no priority left above the others.
    """
    place = _place(standing, account_id)
    if place < 1:
        return {}
    (above, higher), (_, own) = standing[place - 1], standing[place]
    if higher > own:
        return {above: own, account_id: higher}
    return _within_limits(_apart(standing[:place], account_id, own + 1, step=1))


def moved_down(standing: Standing, account_id: str) -> Mapping[str, int]:
    """As `moved_up`, the other way round."""
    place = _place(standing, account_id)
    if place in (-1, len(standing) - 1):
        return {}
    (_, own), (below, lower) = standing[place], standing[place + 1]
    if lower < own:
        return {below: own, account_id: lower}
    return _within_limits(_apart(standing[place + 1 :], account_id, own - 1, step=-1))


def _apart(others: Standing, account_id: str, wanted: int, *, step: int) -> dict[str, int]:
    """Gives the account a priority of its own; those that stand where it goes, and beyond, make room by one."""
    taken = any(priority == wanted for _, priority in others)
    beyond = {one: priority + step for one, priority in others if (priority - wanted) * step >= 0} if taken else {}
    return {**beyond, account_id: wanted}


def _place(standing: Standing, account_id: str) -> int:
    return next((place for place, (one, _) in enumerate(standing) if one == account_id), -1)


def _within_limits(changed: dict[str, int]) -> dict[str, int]:
    if any(not LOWEST <= priority <= HIGHEST for priority in changed.values()):
        raise WrongState(
            gettext(
                "Priorities go from %(lowest)s to %(highest)s and none is left. Edit the accounts to give them others.",
                lowest=LOWEST,
                highest=HIGHEST,
            )
        )
    return changed
