from dataclasses import replace

import pytest
from sqlalchemy import select

from appliance.db.database import Database
from appliance.db.models import AuditEntry
from appliance.db.models.audit_entry import ActorKind
from appliance.errors import Forbidden, NotFound
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.periodic import ADMINISTERED, Outcome, Periodic
from appliance.services.permission import Role
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
    assert periodic.outcomes()["sweep"].error == "broken"


def test_how_the_latest_run_went_is_known_afterwards(database: Database, clock: FakeClock) -> None:
    def work() -> dict[str, int]:
        clock.advance(seconds=90)
        return {"removed": 3}

    started = clock()
    Periodic(database, {"sweep": work, "rest": dict}, clock=clock).run("sweep", "task-1")

    outcomes = Periodic(database, {"sweep": work, "rest": dict}, clock=clock).outcomes()

    assert outcomes == {"sweep": Outcome(started.isoformat(), 90.0, {"removed": 3}, "", "task-1")}


def test_a_run_that_is_asked_for_is_in_the_audit_log(database: Database, clock: FakeClock) -> None:
    Periodic(database, {"sweep": dict}, clock=clock).ask("sweep")

    with database.read() as session:
        entry = session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.target) == ("schedule.run", "sweep")


def test_who_may_only_look_cannot_ask_for_a_run(database: Database, clock: FakeClock) -> None:
    viewer = Actor(ActorKind.USER, "usr_1", "vera", role=Role.VIEWER)

    with audit.act_as(viewer), pytest.raises(Forbidden):
        Periodic(database, {"sweep": dict}, clock=clock).ask("sweep")


@pytest.mark.parametrize("key", sorted(ADMINISTERED))
def test_what_only_administrators_do_by_hand_only_they_can_ask_for(
    database: Database, clock: FakeClock, key: str
) -> None:
    operator = Actor(ActorKind.USER, "usr_2", "olga", role=Role.OPERATOR)
    periodic = Periodic(database, {key: dict, "sweep": dict}, clock=clock)

    with audit.act_as(operator):
        periodic.ask("sweep")
        with pytest.raises(Forbidden):
            periodic.ask(key)

    with audit.act_as(replace(operator, role=Role.ADMINISTRATOR)):
        periodic.ask(key)


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
