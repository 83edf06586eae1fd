import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.services.rate_limit import MOST_KEYS, RateLimit
from tests.fakes import FakeTimer


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def limit(timer: FakeTimer) -> RateLimit:
    return RateLimit(timer)


def test_as_many_as_the_limit_may_come_at_once(limit: RateLimit) -> None:
    rates = [limit.take("key", 60) for _ in range(61)]

    assert [rate.wait for rate in rates[:60]] == [0.0] * 60
    assert [rate.remaining for rate in rates[:60]] == list(range(59, -1, -1))
    assert rates[60].wait == pytest.approx(1.0)
    assert rates[60].remaining == 0


def test_then_one_more_each_time_that_its_share_of_a_minute_is_over(limit: RateLimit, timer: FakeTimer) -> None:
    for _ in range(30):
        limit.take("key", 30)
    timer.seconds += 1.9
    assert limit.take("key", 30).wait > 0

    timer.seconds += 0.1

    assert limit.take("key", 30).wait == 0.0
    assert limit.take("key", 30).wait > 0


def test_what_is_refused_is_not_counted(limit: RateLimit, timer: FakeTimer) -> None:
    for _ in range(1000):
        limit.take("key", 60)

    timer.seconds += 1.0

    assert limit.take("key", 60).wait == 0.0


def test_after_a_minute_of_rest_all_is_there_again(limit: RateLimit, timer: FakeTimer) -> None:
    rate = [limit.take("key", 7) for _ in range(7)][-1]
    assert rate.full_in == pytest.approx(60.0)

    timer.seconds += 60.0

    assert limit.look("key", 7).remaining == 7


def test_looking_counts_nothing(limit: RateLimit) -> None:
    limit.take("key", 2)

    assert [limit.look("key", 2).remaining for _ in range(3)] == [1, 1, 1]
    assert limit.take("key", 2).wait == 0.0


def test_keys_have_nothing_to_do_with_each_other(limit: RateLimit) -> None:
    limit.take("one", 1)

    assert limit.take("one", 1).wait > 0
    assert limit.take("other", 1).wait == 0.0


def test_memory_is_bounded(limit: RateLimit) -> None:
    for number in range(MOST_KEYS + 100):
        limit.take(f"address {number}", 20)

    assert len(limit._full_at) == MOST_KEYS


@given(st.integers(1, 100_000), st.lists(st.floats(0, 90), max_size=60))
def test_no_minute_takes_more_than_twice_the_limit(per_minute: int, pauses: list[float]) -> None:
    timer = FakeTimer()
    limit = RateLimit(timer)
    taken: list[float] = []
    for pause in pauses:
        timer.seconds += pause
        rate = limit.take("key", per_minute)
        assert 0 <= rate.remaining <= per_minute
        if rate.wait == 0.0:
            taken.append(timer.seconds)

    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= 2 * per_minute
