"""Counts beside the requests that want them: a few at a time, whoever asks."""

import threading
from typing import cast

import pytest

from appliance.db.models.message_sets import SetAction
from appliance.db.queries.message_filters import Filters
from appliance.errors import StorageUnavailable
from appliance.services.bulk import Bulk, BulkCount, BulkRequest
from appliance.web.admin import counting
from appliance.web.admin.counting import MOST_AT_ONCE, MOST_KEPT, Countings
from tests.waiting import wait_until


class GatedBulk:
    """Counts when `gate` is open; notes what it was asked, and how many counts went on at once."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked: list[str] = []
        self.at_work = 0
        self.most_at_work = 0
        self._lock = threading.Lock()

    def count(self, request: BulkRequest) -> BulkCount:
        with self._lock:
            self.asked.append(request.filters.q)
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        self.gate.wait(10)
        with self._lock:
            self.at_work -= 1
        return BulkCount({"failed": int(request.filters.q)}, 1)


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> GatedBulk:
    monkeypatch.setattr(counting, "PATIENCE", 0.001)
    return GatedBulk()


def question(number: int) -> BulkRequest:
    return BulkRequest(SetAction.RETRY, Filters(q=str(number)))


def test_only_a_few_counts_go_on_at_once_and_all_get_their_turn(gated: GatedBulk) -> None:
    countings, bulk = Countings(), cast("Bulk", gated)
    before = threading.active_count()

    begun = [countings.of(bulk, question(number)) for number in range(20)]
    again = [countings.of(bulk, question(number)) for number in range(20)]

    assert [one is other for one, other in zip(begun, again, strict=True)] == [True] * 20
    assert threading.active_count() - before <= MOST_AT_ONCE
    gated.gate.set()
    wait_until(lambda: not any(one.goes_on for one in begun), message="not all were counted")
    assert [one.found and one.found.matching for one in begun] == list(range(20))
    assert gated.most_at_work <= MOST_AT_ONCE
    wait_until(lambda: threading.active_count() <= before, message="the threads stay")


def test_what_nobody_asks_for_any_more_is_not_begun(gated: GatedBulk) -> None:
    countings, bulk = Countings(), cast("Bulk", gated)

    begun = [countings.of(bulk, question(number)) for number in range(MOST_KEPT + MOST_AT_ONCE + 5)]
    gated.gate.set()
    wait_until(lambda: not begun[-1].goes_on, message="the last one was not counted")

    assert str(MOST_AT_ONCE) not in gated.asked
    assert len(gated.asked) == MOST_KEPT + MOST_AT_ONCE


def test_an_answer_is_given_once_and_counted_anew_for_who_comes_later(gated: GatedBulk) -> None:
    countings, bulk = Countings(), cast("Bulk", gated)
    gated.gate.set()

    def answered() -> bool:
        return not countings.of(bulk, question(7)).goes_on

    wait_until(answered, message="it was not counted")
    wait_until(answered, message="it was not counted anew")

    assert gated.asked == ["7", "7"]


def test_what_cannot_be_counted_says_why() -> None:
    class Broken:
        def count(self, _request: BulkRequest) -> BulkCount:
            raise StorageUnavailable("The database is away.")

    countings = Countings()
    found = countings.of(cast("Bulk", Broken()), question(1))
    wait_until(lambda: not found.goes_on, message="it goes on")

    assert found.found is None
    assert "The database is away." in found.trouble


def test_an_answer_that_nobody_came_for_is_not_given_to_who_asks_much_later(
    gated: GatedBulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    countings, bulk = Countings(), cast("Bulk", gated)
    left = countings.of(bulk, question(1))
    gated.gate.set()
    wait_until(lambda: not left.goes_on, message="it was not counted")
    monkeypatch.setattr(counting, "KEPT_SECONDS", -1)

    countings.of(bulk, question(1))

    wait_until(lambda: gated.asked == ["1", "1"], message="the old answer was given")
