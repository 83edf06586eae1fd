"""What happened to one message, in order."""

from dataclasses import replace
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.queries import messages
from tests.factories import add_attempt
from tests.web.admin.conftest import Submit
from tests.web.admin.test_messages import set_state, state_of
from tests.web.conftest import submit


def tried(core: Core, message_id: str, **fields: object) -> None:
    def write(session: Session) -> None:
        add_attempt(session, message_id, **{"claim_id": "clm_1", "started_at": utc_now(), **fields})

    core.database.write(write)


def timeline(page: str) -> str:
    return page.partition('<ol class="timeline">')[2].partition("</ol>")[0]


def test_attempts_and_what_people_did_stand_in_their_order(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    tried(core, message_id, outcome="failed", reply_code=550, reply_text="5.1.1 no such user", duration_ms=42)
    set_state(core, message_id, status="failed", reason="refused", due_at=None)
    submit(alice, f"/messages/{message_id}/retry", {}, form_at=f"/messages/{message_id}")

    told = timeline(alice.get(f"/messages/{message_id}").text)

    places = [told.index(part) for part in ("Accepted here", "5.1.1 no such user", "Retried", "The next attempt")]
    assert places == sorted(places)
    assert "42 ms" in told
    assert "by alice" in told


def test_a_retry_together_with_others_is_told_as_well(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    set_state(core, message_id, retried_at=utc_now())

    assert "Queued again" in timeline(alice.get(f"/messages/{message_id}").text)


def test_an_attempt_leads_to_its_task_while_flower_knows_it(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    tried(core, message_id, claim_id="clm_old", started_at=utc_now() - timedelta(days=1))
    tried(core, message_id, claim_id="clm_new", started_at=utc_now() + timedelta(seconds=1))

    told = timeline(alice.get(f"/messages/{message_id}").text)

    assert 'href="/flower/task/clm_new"' in told
    assert "clm_old" not in told


def test_without_flower_nothing_leads_there(app: Flask, alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    tried(core, message_id, started_at=utc_now() + timedelta(seconds=1))
    context = app.extensions["postroom"]
    app.extensions["postroom"] = replace(context, flower=replace(context.flower, enabled=False))

    assert "/flower/task/" not in alice.get(f"/messages/{message_id}").text


def test_a_held_message_is_released(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="held", reason="kept_back", due_at=None)

    answer = submit(alice, f"/messages/{message_id}/release", {}, form_at=f"/messages/{message_id}")

    assert "The message is released." in alice.get(answer.headers["Location"]).text
    assert state_of(core, message_id) == "queued"


def test_a_finished_message_is_deleted_with_all_that_is_known_of_it(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="sent", due_at=None)

    answer = submit(alice, f"/messages/{message_id}/delete", {}, form_at=f"/messages/{message_id}")

    assert "The message is deleted." in alice.get(answer.headers["Location"]).text
    with core.database.read() as session:
        assert messages.status_of(session, message_id) is None


def test_a_message_that_has_not_ended_is_not_deleted(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()

    answer = submit(alice, f"/messages/{message_id}/delete", {}, form_at=f"/messages/{message_id}")

    page = alice.get(answer.headers["Location"]).text
    assert "Only a message that has ended can be deleted." in page
    assert f"/messages/{message_id}/delete" not in page
