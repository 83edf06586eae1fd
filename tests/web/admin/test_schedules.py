"""The periodic tasks: when they run, how the last run went, and a run right now."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import ScheduleSettings
from appliance.db.models import User
from appliance.health import Health, Status
from appliance.services.permission import Role
from tests.web.conftest import Parts, submit


def test_every_task_is_there_with_its_rhythm_the_soonest_first(alice: FlaskClient, parts: Parts) -> None:
    parts.next_runs = {"backup": utc_now() + timedelta(hours=1), "cleanup_webhooks": utc_now() + timedelta(minutes=1)}

    page = alice.get("/schedules").text

    assert page.index("Tidy the log of webhooks") < page.index("Make a backup") < page.index("Remove old figures")
    assert "Every day at 03:00" in page
    assert "Every hour at minute 15" in page
    assert page.count('/run"') == len(ScheduleSettings.model_fields)


def test_a_run_shows_what_it_came_to_and_leads_to_its_task(alice: FlaskClient, core: Core) -> None:
    core.services.periodic.run("reset_email_daily_counts", "5a1e")
    core.services.periodic.run("cleanup_finished_jobs")

    page = alice.get("/schedules").text

    assert 'href="/flower/task/5a1e"' in page
    assert page.count("There was nothing to do.") == 2
    assert "Done" in page


def test_a_backup_shows_its_name(alice: FlaskClient, core: Core) -> None:
    made = core.services.periodic.run("backup")

    assert made["name"] in alice.get("/schedules").text


def test_a_run_that_broke_says_why(alice: FlaskClient, core: Core) -> None:
    core.data_dir.path.joinpath("backups").write_text("in the way")
    with pytest.raises(Exception, match="backups"):
        core.services.periodic.run("backup")

    page = alice.get("/schedules").text

    assert '<span class="state bad">Failed</span>' in page
    assert "backups" in page


def test_a_run_now_is_enqueued(alice: FlaskClient, parts: Parts) -> None:
    answer = submit(alice, "/schedules/prune_statistics/run", {}, form_at="/schedules")

    assert parts.enqueued == ["prune_statistics"]
    assert "The task is on its way" in alice.get(answer.headers["Location"]).text


def test_a_task_that_there_is_not_cannot_be_run(alice: FlaskClient, parts: Parts) -> None:
    assert submit(alice, "/schedules/dream/run", {}, form_at="/schedules").status_code == 404
    assert parts.enqueued == []


def test_who_may_only_look_cannot_run_one(alice: FlaskClient, core: Core, parts: Parts) -> None:
    page = alice.get("/schedules").text
    core.database.write(lambda session: setattr(session.get_one(User, "usr_alice"), "role", Role.VIEWER))
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]

    answer = alice.post("/schedules/backup/run", data={"csrf_token": token}, headers={"Accept": "text/html"})

    assert answer.status_code == 403
    assert parts.enqueued == []
    assert "Run now" not in alice.get("/schedules").text


def test_operators_run_what_tidies_and_leave_backups_and_removal_to_administrators(
    alice: FlaskClient, core: Core, parts: Parts
) -> None:
    core.database.write(lambda session: setattr(session.get_one(User, "usr_alice"), "role", Role.OPERATOR))

    page = alice.get("/schedules").text
    refused = [
        submit(alice, f"/schedules/{key}/run", {}, form_at="/schedules").status_code
        for key in ("backup", "apply_retention", "prune_statistics")
    ]
    submit(alice, "/schedules/cleanup_webhooks/run", {}, form_at="/schedules")

    assert refused == [403, 403, 403]
    assert parts.enqueued == ["cleanup_webhooks"]
    assert "/schedules/cleanup_webhooks/run" in page
    assert "/schedules/backup/run" not in page


def test_a_scheduler_that_stands_still_is_told_of(alice: FlaskClient, parts: Parts) -> None:
    parts.health = [Health("scheduler", Status.FAILED, "boom")]

    assert "The scheduler does not run" in alice.get("/schedules").text
