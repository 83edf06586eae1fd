"""/api/v1/box: the switch of the whole box."""

from appliance.bootstrap import Core
from appliance.db.models import Flag
from appliance.db.models.box import SENDING_PAUSED
from appliance.web.api.box_documents import BoxDocument
from tests.fakes import NOON
from tests.web.api.letters import post
from tests.web.api.problems import problem_of
from tests.web.conftest import ApiClient, MakeApi


def restored(core: Core) -> None:
    value = {"reason": "restored", "backup_at": NOON.isoformat()}
    core.database.write(lambda session: Flag.put(session, SENDING_PAUSED, value, now=NOON))


def test_a_box_that_sends_says_so(api: ApiClient) -> None:
    shown = api.get("/api/v1/box").get_json()

    BoxDocument.model_validate(shown)
    assert (shown["paused"], shown["waiting"]) == (False, None)


def test_a_restored_box_tells_what_it_would_send(api: ApiClient, core: Core) -> None:
    post(api)
    restored(core)

    shown = api.get("/api/v1/box").get_json()

    BoxDocument.model_validate(shown)
    assert (shown["reason"], shown["backup_made_at"]) == ("restored", "2026-03-10T12:00:00.000Z")
    assert shown["waiting"]["by_status"] == {"queued": 1}
    assert shown["waiting"]["by_account"] == [{"account": None, "count": 1}]


def test_a_paused_box_accepts_messages_and_explains_them(api: ApiClient, core: Core) -> None:
    restored(core)

    message_id = post(api)

    shown = api.get(f"/api/v1/messages/{message_id}").get_json()
    assert shown["explanation"].startswith(
        "The box is paused since it was restored from a backup that was made at 12:00"
    )
    assert "start sending on the status page" in shown["explanation"]


def test_pausing_keeps_the_reason_and_who_it_was(api: ApiClient) -> None:
    paused = api.post("/api/v1/box/pause", {"reason": "the relay moves"}).get_json()

    assert (paused["paused"], paused["reason"], paused["detail"]) == (True, "asked", "the relay moves")
    assert paused["paused_by"] == "acme"


def test_pausing_twice_is_refused(api: ApiClient) -> None:
    api.post("/api/v1/box/pause")

    problem_of(api.post("/api/v1/box/pause", {"reason": "another"}), 409, "wrong_state")


def test_resuming_starts_sending_and_is_harmless_twice(api: ApiClient, core: Core) -> None:
    restored(core)

    first = api.post("/api/v1/box/resume").get_json()
    second = api.post("/api/v1/box/resume").get_json()

    assert (first["paused"], second["paused"], first["job"]) == (False, False, None)
    assert not core.services.box.paused


def test_resuming_with_hold_makes_a_job_and_stays_paused_until_it_is_done(api: ApiClient, core: Core) -> None:
    post(api)
    restored(core)

    answer = api.post("/api/v1/box/resume", {"waiting": "hold"}).get_json()

    assert answer["job"].startswith("job_")
    assert answer["paused"]


def test_what_cannot_become_of_waiting_messages_is_refused_by_name(api: ApiClient) -> None:
    problem = problem_of(api.post("/api/v1/box/resume", {"waiting": "burn"}), 422, "invalid_fields")

    assert problem["errors"][0]["field"] == "waiting"


def test_the_switch_is_shut_without_manage(make_api: MakeApi) -> None:
    program = make_api("send", "read")

    for method, path in (("get", ""), ("post", "/pause"), ("post", "/resume")):
        problem_of(getattr(program, method)(f"/api/v1/box{path}"), 403, "forbidden")
