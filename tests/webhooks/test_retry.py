from datetime import timedelta

import pytest

from appliance.config.webhook_settings import WebhookSettings
from appliance.webhooks import retry
from tests.fakes import NOON

WAITS = WebhookSettings().retry_seconds


def dues(rng: float) -> list[float]:
    """Seconds after the first attempt at which the others are made."""
    now, found = NOON, []
    for tries in range(1, 100):
        due_at = retry.next_due(tries, now, WAITS, lambda: rng)
        if due_at is None:
            return found
        now = due_at
        found.append((due_at - NOON).total_seconds())
    raise AssertionError("it never gives up")


def test_waits_grow_from_seconds_to_hours_and_end_within_a_day() -> None:
    seconds = dues(rng=0)

    assert seconds[:3] == [5, 305, 2105]
    assert timedelta(hours=23) < timedelta(seconds=seconds[-1]) <= timedelta(hours=24)


def test_jitter_shortens_a_wait_by_a_tenth_at_most() -> None:
    assert dues(rng=1)[0] == 4.5
    assert dues(rng=1)[-1] < dues(rng=0)[-1]


def test_last_wait_is_followed_by_giving_up() -> None:
    assert retry.next_due(len(WAITS), NOON, WAITS) is not None
    assert retry.next_due(len(WAITS) + 1, NOON, WAITS) is None


def test_endpoint_rests_longer_the_longer_it_fails_up_to_five_minutes() -> None:
    rests = [retry.rest(failures).total_seconds() for failures in (1, 2, 3, 4, 5, 9, 10_000)]

    assert rests == [0, 0, 5, 10, 20, 300, 300]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("120", 120),
        ("86400", 86_400),
        ("86401", 86_400),
        ("9" * 5000, 86_400),
        ("-5", 0),
        ("1.5", 0),
        ("\u0661", 0),
        ("soon", 0),
        ("Tue, 10 Mar 2026 12:10:00 GMT", 600),
        ("Tue, 10 Mar 2026 11:00:00 GMT", 0),
        ("Tue, 10 Mar 2026 13:10:00 +0100", 600),
        ("Tue, 10 Mar 2099 12:10:00 GMT", 86_400),
        ("Tue, 99 Mar 2026 12:10:00 GMT", 0),
        ("120, 60", 0),
    ],
)
def test_receiver_is_left_alone_for_as_long_as_it_asks_up_to_a_day(header: str, seconds: float) -> None:
    assert retry.asked(header, NOON).total_seconds() == seconds
