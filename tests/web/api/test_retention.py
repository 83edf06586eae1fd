"""What is kept for how long, over the API; and what it says of a message whose content is gone."""

from datetime import timedelta

from sqlalchemy import select

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import AuditEntry
from appliance.db.models.message import MessageStatus
from appliance.db.models.message_removal import release_attachments, remove_bodies
from appliance.db.types import id_at
from appliance.web.api.documents import MessageDetail
from appliance.web.api.retention_documents import RetentionDocument
from tests.factories import add_message
from tests.web.api.letters import MESSAGES, post
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi, Parts

RETENTION = "/api/v1/retention"


def add_old(core: Core, days: float = 31) -> str:
    moment = utc_now() - timedelta(days=days)
    row = {"id": id_at("msg", moment), "status": MessageStatus.SENT, "created_at": moment, "finished_at": moment}
    return core.database.write(lambda session: add_message(session, due_at=None, **row))


def end_without_content(api: ApiClient, core: Core) -> str:
    message_id = post(api, attachments=[{"filename": "a.txt", "content": "aGVsbG8="}])
    core.services.messages.cancel(message_id)
    core.database.write(lambda session: remove_bodies(session, [message_id], now=utc_now()))
    core.database.write(lambda session: release_attachments(session, [message_id], now=utc_now()))
    return message_id


def test_ages_preview_and_room_are_told(api: ApiClient, core: Core) -> None:
    add_old(core)

    told = api.get(RETENTION).get_json()

    RetentionDocument.model_validate(told)
    assert (told["settings"]["message_days"], told["settings"]["failed_days"]) == (30, 90)
    counts = {one["kind"]: one["count"] for one in told["preview"]["kinds"]}
    assert (counts["messages"], counts["mailbox"]) == (1, 0)
    assert told["database"]["shrinks"]
    assert told["last_run"] is None


def test_run_is_enqueued_noted_and_told(api: ApiClient, core: Core, parts: Parts) -> None:
    message_id = add_old(core)

    answer = api.post(f"{RETENTION}/run")
    assert answer.status_code == 202
    assert parts.enqueued == ["apply_retention"]
    core.services.periodic.run("apply_retention")

    problem_of(api.get(f"{MESSAGES}/{message_id}"), 404, "not_found")
    told = api.get(RETENTION).get_json()
    RetentionDocument.model_validate(told)
    assert (told["last_run"]["state"], told["last_run"]["removed"]["messages"]) == ("finished", 1)
    with core.database.read() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "retention.run"))
    assert entry.actor_name == "acme"


def test_retention_needs_the_scope_to_manage(make_api: MakeApi, parts: Parts) -> None:
    program = make_api("send", "read")

    problem_of(program.get(RETENTION), 403, "forbidden")
    problem_of(program.post(f"{RETENTION}/run"), 403, "forbidden")
    assert parts.enqueued == []


def test_message_whose_content_is_gone_says_so(api: ApiClient, core: Core) -> None:
    message_id = end_without_content(api, core)

    told = api.get(f"{MESSAGES}/{message_id}").get_json()

    MessageDetail.model_validate(told)
    assert (told["text"], told["html"]) == (None, None)
    assert told["content_removed_at"] is not None
    assert told["attachments"][0]["filename"] == "a.txt"
    assert told["attachments"][0]["removed_at"] is not None


def test_message_that_is_whole_says_that_nothing_is_gone(api: ApiClient) -> None:
    message_id = post(api, attachments=[{"filename": "a.txt", "content": "aGVsbG8="}])

    told = api.get(f"{MESSAGES}/{message_id}").get_json()

    assert (told["content_removed_at"], told["attachments"][0]["removed_at"]) == (None, None)


def test_message_without_content_is_neither_shown_raw_nor_retried(api: ApiClient, core: Core) -> None:
    message_id = end_without_content(api, core)

    problem_of(api.get(f"{MESSAGES}/{message_id}/raw"), 409, "content_removed")
    problem_of(api.post(f"{MESSAGES}/{message_id}/retry"), 409, "content_removed")
