"""What happened to one message, in order."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import Job
from appliance.db.models.message_sets import SetAction
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import messages
from appliance.db.queries.message_filters import Filters
from appliance.mail.transport import Stage
from appliance.services import audit
from appliance.services.audit import Actor, ActorKind
from appliance.services.bulk import BulkRequest
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


def recipients(page: str) -> str:
    return page.partition('id="recipients-title"')[2].partition("</section>")[0]


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


def together(core: Core, message_id: str, action: str = "retry") -> str:
    """Done by the shop's program to all that match; returns the job."""
    with audit.act_as(Actor(ActorKind.KEY, "key_1", "the shop")):
        made = core.services.bulk.start(BulkRequest(SetAction(action), Filters()))
    core.services.job_runs.run(made.id)
    return made.id


def test_every_retry_together_with_others_is_told_by_whom_and_by_which_job(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    made = []
    for _ in range(2):
        set_state(core, message_id, status="failed", reason="refused", due_at=None)
        made.append(together(core, message_id))
    submit(alice, f"/messages/{message_id}/cancel", {}, form_at=f"/messages/{message_id}")

    told = timeline(alice.get(f"/messages/{message_id}").text)

    places = [told.index(f'href="/jobs/{job_id}"') for job_id in made] + [told.index("by alice")]
    assert places == sorted(places)
    assert (told.count("Retried"), told.count("by the shop"), told.count("Queued again")) == (2, 2, 0)


@pytest.mark.parametrize(("action", "words"), [("cancel", "Cancelled"), ("release", "Released")])
def test_what_else_is_done_to_many_names_who_did_it(
    alice: FlaskClient, submit_message: Submit, core: Core, action: str, words: str
) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="held", reason="kept_back", due_at=None)

    job_id = together(core, message_id, action)

    told = timeline(alice.get(f"/messages/{message_id}").text).partition("by the shop")
    assert words in told[0]
    assert f'href="/jobs/{job_id}"' in told[2]


def test_a_job_that_is_forgotten_is_not_linked(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="failed", reason="refused", due_at=None)
    together(core, message_id)
    core.database.write(lambda session: session.execute(delete(Job)) and None)

    told = timeline(alice.get(f"/messages/{message_id}").text)

    assert "by the shop" in told
    assert "/jobs/" not in told


def test_what_a_suppression_had_stopped_names_who_let_it_go(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    entry = core.services.suppressions.add("ann@example.com", source=SuppressionSource.MANUAL)
    message_id = submit_message()

    with audit.act_as(Actor(ActorKind.KEY, "key_1", "the shop")):
        core.services.suppressions.remove(entry, release=True)

    told = timeline(alice.get(f"/messages/{message_id}").text)
    assert "Retried" in told
    assert "by the shop" in told


def test_attempts_are_numbered_over_the_whole_life_of_a_message(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    """The second took two accounts, and after the retry the limit of attempts counts anew."""
    message_id, now = submit_message(), utc_now()
    for minutes, claim, number in ((9, "clm_1", 1), (8, "clm_2", 2), (8, "clm_2", 2)):
        tried(core, message_id, claim_id=claim, number=number, started_at=now - timedelta(minutes=minutes))
    set_state(core, message_id, status="failed", reason="exhausted", due_at=None)
    together(core, message_id)
    for minutes, claim, number in ((1, "clm_3", 1), (2, "clm_4", 2)):
        tried(core, message_id, claim_id=claim, number=number, started_at=now + timedelta(minutes=minutes))

    told = timeline(alice.get(f"/messages/{message_id}").text)

    assert re.findall(r"Attempt \d(?:, \d since the retry)?", told) == [
        *("Attempt 1", "Attempt 2", "Attempt 2"),
        *("Attempt 3, 1 since the retry", "Attempt 4, 2 since the retry"),
    ]


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


def test_a_held_message_is_released_before_all_and_a_retry_says_what_is_different(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    message_id = submit_message()
    set_state(core, message_id, status="held", reason="kept_back", due_at=None)

    page = alice.get(f"/messages/{message_id}").text
    answer = submit(alice, f"/messages/{message_id}/release", {}, form_at=f"/messages/{message_id}")

    asked = re.findall(r'<summary class="btn (btn-\w+)" role="button">(\w+)<', page)
    assert asked[:2] == [("btn-primary", "Release"), ("btn-plain", "Retry")]
    assert "Unlike a release, that begins anew" in page
    assert "The message is released." in alice.get(answer.headers["Location"]).text
    assert state_of(core, message_id) == "queued"


def test_a_message_that_ended_without_a_server_says_so(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    waiting = submit_message()
    set_state(core, waiting, status="held", reason="kept_back", due_at=None)
    core.services.suppressions.add("ann@example.com", source=SuppressionSource.MANUAL)
    ended = submit_message()

    assert "No server has been asked yet." in timeline(alice.get(f"/messages/{waiting}").text)
    assert "No server was asked." in timeline(alice.get(f"/messages/{ended}").text)


def test_an_answer_from_before_a_retry_is_none_to_a_recipient_who_waits_again(
    alice: FlaskClient, submit_message: Submit, core: Core
) -> None:
    core.services.suppressions.add("ann@example.com", "left us", source=SuppressionSource.MANUAL)
    message_id = submit_message()
    assert "left us" in recipients(alice.get(f"/messages/{message_id}").text)

    submit(alice, f"/messages/{message_id}/retry", {}, form_at=f"/messages/{message_id}")

    told = recipients(alice.get(f"/messages/{message_id}").text)
    assert "Not yet" in told
    assert "left us" not in told


def test_how_far_an_attempt_got_is_told_in_words(alice: FlaskClient, submit_message: Submit, core: Core) -> None:
    message_id = submit_message()
    for stage in Stage:
        tried(core, message_id, stage=stage, outcome="deferred")

    told = timeline(alice.get(f"/messages/{message_id}").text)

    assert "at the recipients (RCPT)" in told
    assert not [stage for stage in Stage if f"at {stage}" in told]


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
