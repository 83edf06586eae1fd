"""Jobs, shown."""

from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.services import audit
from appliance.services.audit import Actor, ActorKind
from appliance.services.jobs import NewJob
from appliance.web.admin import jobs
from tests.web.conftest import submit


def make(core: Core, total: int = 10) -> str:
    """A job that a program made."""
    parameters = {"action": "retry", "filter": {"status": ["failed"], "tag": "shop"}, "ids": None, "newest": ""}
    with audit.act_as(Actor(ActorKind.KEY, "key_1", "the shop")):
        return core.services.jobs.make(NewJob("messages.retry", parameters, total, {})).id


def test_without_jobs_the_page_says_where_they_come_from(alice: FlaskClient) -> None:
    assert "No job was made in the last 30 days." in alice.get("/jobs").text


def test_jobs_are_listed_with_their_state_and_whom_they_are_for(alice: FlaskClient, core: Core) -> None:
    job_id = make(core)

    page = alice.get("/jobs").text

    assert f'href="/jobs/{job_id}"' in page
    assert "Retry messages" in page
    assert "the shop" in page
    assert "0 of 10" in page
    assert "data-refresh-seconds" in page


def test_they_are_filtered_by_state_and_paged(alice: FlaskClient, core: Core) -> None:
    ids = [make(core) for _ in range(jobs.PAGE + 2)]

    page = alice.get("/jobs?state=queued").text
    older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")

    assert ids[0] not in page
    assert ids[0] in alice.get(older).text
    assert "No job is in that state." in alice.get("/jobs?state=failed").text


def test_a_job_leads_to_the_messages_that_it_is_about(alice: FlaskClient, core: Core) -> None:
    page = alice.get(f"/jobs/{make(core)}").text

    assert (
        'href="/messages?status=failed&amp;tag=shop"' in page or 'href="/messages?tag=shop&amp;status=failed"' in page
    )


def test_a_job_is_stopped_and_says_so(alice: FlaskClient, core: Core) -> None:
    job_id = make(core)

    answer = submit(alice, f"/jobs/{job_id}/cancel", {}, form_at=f"/jobs/{job_id}")
    page = alice.get(answer.headers["Location"]).text
    again = submit(alice, f"/jobs/{job_id}/cancel", {}, form_at=f"/jobs/{job_id}")

    assert "The job is stopped." in page
    assert "data-refresh-seconds" not in page
    assert "cannot be cancelled" in alice.get(again.headers["Location"]).text


def test_a_job_that_is_not_there_is_a_404(alice: FlaskClient) -> None:
    assert alice.get("/jobs/job_none").status_code == 404
