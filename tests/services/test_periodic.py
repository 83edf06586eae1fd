import pytest

from appliance.db.database import Database
from appliance.errors import NotFound
from appliance.services.periodic import Periodic
from tests.fakes import FakeClock


def test_work_is_done_and_its_start_remembered(database: Database, clock: FakeClock) -> None:
    started = clock()

    def work() -> dict[str, int]:
        clock.advance(minutes=7)
        return {"done": 3}

    periodic = Periodic(database, {"sweep": work}, clock=clock)

    assert periodic.last_run_at("sweep") is None
    assert periodic.run("sweep") == {"done": 3}
    assert periodic.last_run_at("sweep") == started


def test_work_that_breaks_is_not_remembered_as_done(database: Database, clock: FakeClock) -> None:
    def work() -> dict[str, int]:
        raise RuntimeError("broken")

    periodic = Periodic(database, {"sweep": work}, clock=clock)

    with pytest.raises(RuntimeError):
        periodic.run("sweep")

    assert periodic.last_run_at("sweep") is None


def test_last_run_outlives_the_process(database: Database, clock: FakeClock) -> None:
    Periodic(database, {"sweep": dict}, clock=clock).run("sweep")
    first = clock()
    clock.advance(hours=1)
    anew = Periodic(database, {"sweep": dict}, clock=clock)

    assert anew.last_run_at("sweep") == first
    anew.run("sweep")
    assert anew.last_run_at("sweep") == clock()


def test_unknown_work_is_refused_by_name(database: Database, clock: FakeClock) -> None:
    with pytest.raises(NotFound, match="'dream'"):
        Periodic(database, {}, clock=clock).run("dream")
