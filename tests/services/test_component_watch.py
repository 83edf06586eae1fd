"""Components that do not stay up are noticed, whether they are down at the moment or not."""

from datetime import UTC, datetime, timedelta

from appliance.health import Health, Status
from appliance.services.component_watch import ComponentWatch, Unsteady

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def watching(restarts: int, status: Status = Status.RUNNING) -> tuple[ComponentWatch, list[Health]]:
    watch, health = ComponentWatch(), [Health("worker", status, "", restarts=restarts)]
    watch.health = lambda: health
    return watch, health


def test_before_there_is_a_supervisor_nothing_is_known() -> None:
    assert list(ComponentWatch().look(NOW)) == []


def test_one_restart_is_not_bad_yet_and_two_are() -> None:
    watch, health = watching(0)
    assert list(watch.look(NOW)) == []

    health[0] = health[0].with_restarts(1)
    assert list(watch.look(NOW)) == [Unsteady("worker", 1, "", False)]

    health[0] = health[0].with_restarts(2)
    assert list(watch.look(NOW + timedelta(minutes=9))) == [Unsteady("worker", 2, "", True)]


def test_restarts_of_long_ago_do_not_count() -> None:
    watch, _ = watching(2)
    list(watch.look(NOW))

    assert list(watch.look(NOW + timedelta(minutes=10))) == []


def test_one_that_has_failed_is_bad_at_once() -> None:
    watch, _ = watching(0, Status.FAILED)

    assert [one.bad for one in watch.look(NOW)] == [True]
