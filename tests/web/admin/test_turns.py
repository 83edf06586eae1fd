"""Whoever is about the same thing waits; whoever is about another one does not."""

from contextlib import suppress

import gevent
import pytest

from appliance.errors import Unavailable
from appliance.web.admin import turns as turns_module
from appliance.web.admin.turns import Turns


def test_the_same_thing_is_done_by_one_after_the_other() -> None:
    turns, done = Turns(), []

    def work(name: str) -> None:
        with turns.of("a thing"):
            done.append(f"{name} begins")
            gevent.sleep(0)  # whoever could go on now would
            done.append(f"{name} ends")

    gevent.joinall([gevent.spawn(work, name) for name in "abc"], timeout=10, raise_error=True)

    assert done == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


def test_another_thing_waits_for_nobody() -> None:
    turns = Turns()

    with turns.of("a thing"):
        other = gevent.spawn(lambda: turns.begin("another thing"))
        other.join(timeout=10)

        assert other.successful()


def test_a_turn_ends_also_when_it_fails() -> None:
    turns = Turns()
    with suppress(RuntimeError), turns.of("a thing"):
        raise RuntimeError

    after = gevent.spawn(lambda: turns.begin("a thing"))
    after.join(timeout=10)

    assert after.successful()


def test_nothing_is_kept_of_a_turn_that_is_over() -> None:
    turns = Turns()
    for number in range(10):
        with turns.of(str(number)):
            pass

    assert turns.under_way == set()


def test_nobody_waits_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that waits keeps a thread of the server from others."""
    monkeypatch.setattr(turns_module, "LONGEST_WAIT", 0.01)
    turns = Turns()

    with turns.of("a thing"), pytest.raises(Unavailable, match="being done already"):
        turns.begin("a thing")

    assert turns.under_way == set()
