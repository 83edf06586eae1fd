"""The page about what is kept for how long."""

from datetime import timedelta

from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models.message import MessageStatus
from appliance.db.models.message_removal import remove_attempts, remove_bodies
from tests.factories import add_attempt, add_message
from tests.web.api.test_retention import add_old
from tests.web.conftest import Parts, submit

PAGE = "/retention"


def test_page_counts_what_would_go(alice: FlaskClient, core: Core) -> None:
    add_old(core)

    page = alice.get(PAGE).text

    assert "There was none yet." in page
    row = page.partition("Messages, with all that is known of them")[2].partition("</tr>")[0]
    assert '<td class="number fit" data-label="How many:">1</td>' in row
    assert "at least 90 days" in page


def test_what_has_no_age_says_so(alice: FlaskClient) -> None:
    row = alice.get(PAGE).text.partition("Periodic tasks that there are no longer")[2].partition("</tr>")[0]

    assert "any age" in row.partition("Older than:")[2].partition("</td>")[0]


def test_person_has_it_run(alice: FlaskClient, core: Core, parts: Parts) -> None:
    add_old(core)

    answer = submit(alice, f"{PAGE}/run", {}, form_at=PAGE)
    assert parts.enqueued == ["apply_retention"]
    assert "The run is on its way" in alice.get(answer.headers["Location"]).text
    core.services.periodic.run("apply_retention")

    page = alice.get(PAGE).text
    assert "Finished" in page
    assert "There was none yet." not in page


def test_page_of_a_message_says_what_is_no_longer_kept(alice: FlaskClient, core: Core) -> None:
    finished = utc_now() - timedelta(days=1)
    row = {"status": MessageStatus.FAILED, "attempts": 1, "finished_at": finished, "due_at": None}
    message_id = core.database.write(lambda session: add_message(session, **row))
    core.database.write(lambda session: add_attempt(session, message_id))
    core.database.write(lambda session: remove_bodies(session, [message_id], now=utc_now()))
    core.database.write(lambda session: remove_attempts(session, [message_id]))

    page = alice.get(f"/messages/{message_id}").text

    assert "The text of this message is no longer kept" in page
    assert "What servers said is no longer kept." in page
    assert "Retry now" not in page


def test_status_page_leads_there(alice: FlaskClient) -> None:
    assert f'href="{PAGE}"' in alice.get("/").text
