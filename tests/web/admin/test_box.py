"""The banner of a paused box, what it would send, and the buttons that decide."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from appliance.bootstrap import Core
from appliance.db.models import Flag, Job
from appliance.db.models.box import SENDING_PAUSED
from appliance.services.box import KIND
from tests.fakes import NOON
from tests.web.admin.conftest import Submit
from tests.web.conftest import Parts, submit


@pytest.fixture
def restored(core: Core) -> None:
    value = {"reason": "restored", "backup_at": NOON.isoformat()}
    core.database.write(lambda session: Flag.put(session, SENDING_PAUSED, value, now=NOON))


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("path", ["/", "/messages", "/accounts", "/keys"])
def test_every_page_says_that_a_restored_box_sends_nothing(alice: FlaskClient, path: str) -> None:
    page = alice.get(path).text

    assert 'This box was restored from a backup of <time datetime="2026-03-10T12:00:00+00:00"' in page
    assert "See what would be sent" in page
    assert "Start sending" in page


@pytest.mark.usefixtures("restored")
def test_somebody_who_is_not_signed_in_learns_nothing_of_it(client: FlaskClient, alice: FlaskClient) -> None:
    assert "restored" not in client.get("/sign-in").text


@pytest.mark.usefixtures("restored")
def test_the_status_page_lists_what_would_be_sent(alice: FlaskClient, submit_message: Submit) -> None:
    submit_message()

    page = alice.get("/").text

    assert "What would be sent" in page
    assert "By sender account: any 1." in " ".join(page.split())


def test_a_box_that_sends_has_no_banner(alice: FlaskClient) -> None:
    page = alice.get("/").text

    assert "sends nothing" not in page
    assert "Pause sending" in page


def test_pausing_by_hand_shows_who_and_why(alice: FlaskClient) -> None:
    submit(alice, "/box/pause", {"reason": "the relay moves"})

    page = alice.get("/messages").text

    assert "Sending is paused by alice since" in page
    assert "the relay moves" in page


@pytest.mark.usefixtures("restored")
def test_starting_to_send_ends_the_pause(alice: FlaskClient, core: Core) -> None:
    submit(alice, "/box/resume", {"waiting": "send"})

    assert not core.services.box.paused
    assert "Sending has started." in alice.get("/").text


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(("asked", "made"), [("hold", "hold"), ("cancel", "cancel"), ("nonsense", "hold")])
def test_holding_and_cancelling_are_jobs(alice: FlaskClient, core: Core, asked: str, made: str) -> None:
    submit(alice, "/box/resume", {"waiting": asked})

    assert core.services.box.paused
    with core.database.read() as session:
        job = session.scalars(select(Job)).one()
    assert (job.kind, job.parameters["waits"]) == (KIND, made)


def test_a_backup_can_be_asked_for(alice: FlaskClient, parts: Parts) -> None:
    submit(alice, "/box/backup", {})

    assert parts.enqueued == ["backup"]


def test_a_backup_is_shown(alice: FlaskClient, core: Core) -> None:
    made = core.services.backups.run()

    page = alice.get("/").text

    assert made["name"] in page
    assert "read back" in page
