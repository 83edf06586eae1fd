"""Moving a sender account changes as few priorities as it can, and keeps apart and together what was so."""

import pytest

from appliance.errors import WrongState
from appliance.services.account_order import HIGHEST, LOWEST, moved_down, moved_up

Standing = list[tuple[str, int]]


def after(standing: Standing, changed: dict[str, int]) -> Standing:
    """In the order in which they are used then; the sort is stable, as names are in the query."""
    return sorted(((one, changed.get(one, priority)) for one, priority in standing), key=lambda item: -item[1])


def test_two_neighbours_change_places() -> None:
    assert moved_up([("a", 10), ("b", 5)], "b") == {"a": 5, "b": 10}
    assert moved_down([("a", 10), ("b", 5)], "a") == {"a": 5, "b": 10}


def test_at_its_end_nothing_happens() -> None:
    standing = [("a", 10), ("b", 5)]

    assert moved_up(standing, "a") == moved_down(standing, "b") == {}
    assert moved_up(standing, "gone") == moved_down(standing, "gone") == {}


def test_one_of_those_that_take_turns_goes_above_them() -> None:
    standing = [("a", 9), ("b", 5), ("c", 5), ("d", 5)]

    changed = dict(moved_up(standing, "d"))

    assert changed == {"d": 6}
    assert [one for one, _ in after(standing, changed)] == ["a", "d", "b", "c"]


def test_one_of_those_that_take_turns_goes_below_them() -> None:
    assert moved_down([("b", 5), ("c", 5), ("e", 1)], "b") == {"b": 4}


def test_who_stands_in_the_way_makes_room_together() -> None:
    standing = [("x", 7), ("y", 6), ("z", 6), ("b", 5), ("c", 5)]

    changed = dict(moved_up(standing, "c"))

    assert changed == {"x": 8, "y": 7, "z": 7, "c": 6}
    assert after(standing, changed) == [("x", 8), ("y", 7), ("z", 7), ("c", 6), ("b", 5)]


def test_room_is_made_below_as_well() -> None:
    assert moved_down([("b", 5), ("c", 5), ("d", 4), ("e", 0)], "b") == {"d": 3, "e": -1, "b": 4}


@pytest.mark.parametrize(("move", "end"), [(moved_up, HIGHEST), (moved_down, LOWEST)])
def test_without_a_priority_left_it_says_what_to_do(move: object, end: int) -> None:
    assert callable(move)
    with pytest.raises(WrongState, match="to give them others"):
        move([("a", end), ("b", end)], "b" if end == HIGHEST else "a")
