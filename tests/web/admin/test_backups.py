"""The backups in the browser: made now, watched, taken away by administrators."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.db.models import User
from appliance.services.backup_making import BackupFailed
from tests.web.conftest import ApiClient, Parts, submit

PAGE = "/backups"


def test_before_there_is_one_the_page_says_what_comes(alice: FlaskClient) -> None:
    page = alice.get(PAGE).text

    assert "There is no backup yet." in page
    assert "The newest 7 are kept." in page


def test_one_is_asked_for_and_appears(alice: FlaskClient, core: Core, parts: Parts) -> None:
    answer = submit(alice, f"{PAGE}/run", {}, form_at=PAGE)
    assert answer.headers["Location"] == PAGE
    assert parts.enqueued == ["backup"]

    made = core.services.backups.run()

    page = alice.get(PAGE).text
    assert made["name"] in page
    assert '<span class="state good">yes</span>' in page


def test_an_administrator_takes_a_copy_away_and_the_audit_tells_of_it(alice: FlaskClient, core: Core) -> None:
    made = core.services.backups.run()

    answer = submit(alice, f"{PAGE}/{made['name']}/download", {}, form_at=PAGE)

    assert answer.status_code == 200
    assert len(answer.data) == made["size"]
    assert f"filename={made['name']}" in answer.headers["Content-Disposition"]
    assert "backup.downloaded" in alice.get("/audit").text


def test_nobody_else_gets_one(alice: FlaskClient, core: Core) -> None:
    made = core.services.backups.run()
    core.database.write(_demote)

    answer = submit(alice, f"{PAGE}/{made['name']}/download", {}, form_at="/")

    assert answer.status_code == 403
    assert "Download" not in alice.get(PAGE).text


@pytest.mark.parametrize("name", ["nothing", "..%2F..%2Fpostroom.db", "postroom-20260310T120000Z.tar.gz"])
def test_what_is_no_backup_cannot_be_fetched(alice: FlaskClient, core: Core, name: str) -> None:
    core.services.backups.run()

    assert submit(alice, f"{PAGE}/{name}/download", {}, form_at=PAGE).status_code == 404


def test_a_failure_is_told(alice: FlaskClient, core: Core, settings: Settings) -> None:
    settings.backup_dir.parent.mkdir(parents=True, exist_ok=True)
    settings.backup_dir.write_text("a file where the directory should be")

    with pytest.raises(BackupFailed):
        core.services.backups.run()

    assert "The last backup failed." in alice.get(PAGE).text


def test_one_that_lacks_what_unsent_messages_need_is_told(
    alice: FlaskClient, core: Core, settings: Settings, api: ApiClient
) -> None:
    message = {
        "to": ["ann@example.com"],
        "subject": "Invoice",
        "text": "x",
        "attachments": [{"filename": "a.txt", "content": "aW52b2ljZQ=="}],
    }
    assert api.post("/api/v1/messages", json=message).status_code == 202
    for path in (settings.data_dir / "attachments").glob("*/*"):
        path.unlink()
    core.services.backups.run()

    page, overview, shown = alice.get(PAGE).text, alice.get("/").text, api.get("/api/v1/backups").get_json()

    assert "The last backup lacks attachments." in page
    assert "1 file of an attachment is missing in it. Messages that wait need 1 of these files." in page
    assert "The last backup lacks attachments." in overview
    for told in (shown["last_run"], shown["items"][0]):
        assert (told["missing_attachments"], told["missing_for_waiting"]) == (1, 1)


def test_an_old_one_is_a_warning(alice: FlaskClient, core: Core, settings: Settings) -> None:
    made = core.services.backups.run()["name"]
    old = (utc_now() - timedelta(days=5)).strftime("postroom-%Y%m%dT%H%M%SZ")
    suffix = made.partition("Z")[2]
    (settings.backup_dir / made).rename(settings.backup_dir / f"{old}{suffix}")

    assert "The newest backup is 5 d" in alice.get(PAGE).text


def test_progress_is_shown_while_one_is_made(alice: FlaskClient, core: Core) -> None:
    seen: list[str] = []
    backups = core.services.backups
    step = backups._step

    def look(stage: str, done: int, total: int) -> None:
        step(stage, done, total)
        if stage not in seen:
            seen.append(stage)
            assert "A backup is being made" in alice.get(PAGE).text

    backups._step = look  # type: ignore[method-assign]
    backups._run_native = lambda work: work()
    backups.run()

    assert "archive" in seen
    assert "A backup is being made" not in alice.get(PAGE).text


def _demote(session: Session) -> None:
    user = session.get(User, "usr_alice")
    assert user is not None
    user.role = "operator"
