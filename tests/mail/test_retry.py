from datetime import UTC, datetime, timedelta

import pytest

from appliance.config.settings import DeliverySettings
from appliance.mail.retry import breaker_rest, next_due

CREATED = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DEFAULTS = DeliverySettings()


def waits(settings: DeliverySettings) -> list[float]:
    """Seconds between the tries of a message that never gets through."""
    now, due, found = CREATED, next_due(1, CREATED, CREATED, settings), []
    while due is not None:
        found.append((due - now).total_seconds())
        now, due = due, next_due(len(found) + 1, due, CREATED, settings)
    return found


def test_waits_climb_the_ladder_and_then_double_up_to_four_hours() -> None:
    assert waits(DEFAULTS) == [60, 300, 600, 1200, 2400, 4800, 9600, 14400, 14400, 14400, 14400]


def test_last_attempt_has_no_next() -> None:
    assert next_due(12, CREATED, CREATED, DEFAULTS) is None
    assert next_due(11, CREATED, CREATED, DEFAULTS) is not None


def test_last_try_is_at_the_age_limit_and_not_after_it() -> None:
    settings = DeliverySettings(retry_seconds=(1800,), max_age_hours=1.25, max_attempts=100)

    assert waits(settings) == [1800, 2700]


def test_message_past_its_age_is_given_up() -> None:
    assert next_due(1, CREATED + timedelta(hours=72), CREATED, DEFAULTS) is None


def test_ladder_above_four_hours_is_kept() -> None:
    settings = DeliverySettings(retry_seconds=(28800,), max_attempts=4)

    assert waits(settings) == [28800, 28800, 28800]


def test_thousands_of_attempts_do_not_overflow() -> None:
    settings = DeliverySettings(max_attempts=100_000, max_age_hours=100_000)

    assert next_due(50_000, CREATED, CREATED, settings) == CREATED + timedelta(hours=4)
    assert breaker_rest(50_000, settings) == timedelta(seconds=900)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 30), (1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (99, 900)])
def test_rest_of_a_failing_account_doubles_up_to_its_limit(failures: int, seconds: int) -> None:
    assert breaker_rest(failures, DEFAULTS) == timedelta(seconds=seconds)
