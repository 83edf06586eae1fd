"""/api/v1/backups"""

from datetime import timedelta
from pathlib import Path

import pytest

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.services.backup_making import BackupFailed
from appliance.web.api.box_documents import BackupPage
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi, Parts


def test_without_backups_the_list_is_empty(api: ApiClient) -> None:
    shown = api.get("/api/v1/backups").get_json()

    BackupPage.model_validate(shown)
    assert (shown["items"], shown["last_run"], shown["keep"]) == ([], None, 7)


def test_a_backup_is_listed_with_its_size_and_that_it_was_read_back(api: ApiClient, core: Core) -> None:
    made = core.services.backups.run()

    shown = api.get("/api/v1/backups").get_json()

    BackupPage.model_validate(shown)
    assert [one["name"] for one in shown["items"]] == [made["name"]]
    assert (shown["items"][0]["size"], shown["items"][0]["verified"]) == (made["size"], True)
    assert (shown["last_run"]["ok"], shown["last_run"]["name"]) == (True, made["name"])


def test_a_run_that_failed_says_why(api: ApiClient, core: Core) -> None:
    directory = Path(api.get("/api/v1/backups").get_json()["directory"])
    directory.write_text("in the way")
    with pytest.raises(BackupFailed):
        core.services.backups.run()
    directory.unlink()

    last = api.get("/api/v1/backups").get_json()["last_run"]

    assert (last["ok"], last["name"]) == (False, None)
    assert "File exists" in last["error"]


def test_asking_for_a_backup_enqueues_the_task_of_the_schedule(api: ApiClient, parts: Parts) -> None:
    parts.next_runs = {"backup": utc_now() + timedelta(hours=1)}

    answer = api.post("/api/v1/backups")

    assert answer.status_code == 202
    assert parts.enqueued == ["backup"]
    assert answer.get_json()["next_run_at"] is not None


def test_backups_are_shut_without_manage(make_api: MakeApi) -> None:
    problem_of(make_api("send", "read").get("/api/v1/backups"), 403, "forbidden")
    problem_of(make_api("send", "read").post("/api/v1/backups"), 403, "forbidden")
