"""Something done to many messages: counted first, then a job."""

import re
import threading
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.db.queries import jobs
from appliance.services.bulk import Bulk, BulkCount, BulkRequest
from appliance.web.admin import counting, messages
from tests.web.admin.conftest import Submit
from tests.web.admin.test_messages import set_state, state_of
from tests.web.conftest import MakePerson, submit


def failed(core: Core, submit_message: Submit, **fields: object) -> str:
    message_id = submit_message(**fields)
    set_state(core, message_id, status="failed", reason="refused", due_at=None)
    return message_id


def hidden_fields(page: str) -> dict[str, list[str]]:
    """Of the form that starts the job."""
    form = page.partition('method="post" action="/messages/bulk"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(value)
    return found


def start(alice: FlaskClient, path: str) -> str:
    """Follows the review to the job; returns its id."""
    page = alice.get(path, follow_redirects=True).text
    answer = alice.post("/messages/bulk", data=hidden_fields(page))
    return urlsplit(answer.headers["Location"]).path.rpartition("/")[2]


def test_what_is_selected_is_counted_and_nothing_is_done_yet(
    alice: FlaskClient, core: Core, submit_message: Submit
) -> None:
    ids = [failed(core, submit_message), submit_message()]

    page = alice.get(f"/messages/bulk?action=retry&id={ids[0]}&id={ids[1]}").text

    assert "1 message would be changed." in page
    assert "remove them from the suppressions first" in page
    assert "1 message is left as it is." in page
    assert state_of(core, ids[0]) == "failed"


def test_all_that_match_are_counted_as_of_now(alice: FlaskClient, core: Core, submit_message: Submit) -> None:
    for _ in range(3):
        failed(core, submit_message, tags=("shop",))
    failed(core, submit_message)

    answer = alice.get("/messages/bulk?action=retry&scope=all&tag=shop")
    page = alice.get(answer.headers["Location"]).text
    failed(core, submit_message, tags=("shop",))
    again = alice.get(answer.headers["Location"]).text

    assert "3 messages would be changed." in page
    assert "3 messages would be changed." in again
    assert 'href="/messages?tag=shop">Back to the list' in page


def test_the_job_does_what_was_counted_and_once(alice: FlaskClient, core: Core, submit_message: Submit) -> None:
    ids = [failed(core, submit_message) for _ in range(3)]
    page = alice.get("/messages/bulk?action=retry&scope=all&status=failed", follow_redirects=True).text
    late = failed(core, submit_message)

    first = alice.post("/messages/bulk", data=hidden_fields(page))
    second = alice.post("/messages/bulk", data=hidden_fields(page))
    core.services.job_runs.run(urlsplit(first.headers["Location"]).path.rpartition("/")[2])

    assert first.headers["Location"] == second.headers["Location"]
    assert [state_of(core, one) for one in (*ids, late)] == ["queued"] * 3 + ["failed"]


def test_the_page_of_the_job_tells_how_far_it_is_and_for_whom(
    alice: FlaskClient, core: Core, submit_message: Submit
) -> None:
    failed(core, submit_message)
    job_id = start(alice, "/messages/bulk?action=delete&scope=all&status=failed")

    waiting = alice.get(f"/jobs/{job_id}").text
    core.services.job_runs.run(job_id)
    done = alice.get(f"/jobs/{job_id}").text

    assert "Delete messages" in waiting
    assert "0 of 1" in waiting
    assert "alice" in waiting
    assert "data-refresh-seconds" in waiting
    assert "1 of 1" in done
    assert "data-refresh-seconds" not in done


def test_without_a_selection_the_list_says_so(alice: FlaskClient) -> None:
    page = alice.get("/messages/bulk?action=retry&scope=picked&status=failed", follow_redirects=True).text

    assert "No message is selected." in page
    assert '<option value="failed" selected>' in page


def test_an_action_that_there_is_not_is_a_404(alice: FlaskClient) -> None:
    assert alice.get("/messages/bulk?action=burn&scope=all").status_code == 404


def test_a_count_that_takes_long_is_shown_when_it_is_there(
    alice: FlaskClient, core: Core, submit_message: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = failed(core, submit_message)
    counted, gate = core.services.bulk.count, threading.Event()

    def slow(_self: Bulk, request: BulkRequest) -> BulkCount:
        gate.wait(60)
        return counted(request)

    monkeypatch.setattr(Bulk, "count", slow)
    path = f"/messages/bulk?action=retry&id={message_id}"

    with monkeypatch.context() as hurry:
        hurry.setattr(counting, "PATIENCE", 0.01)
        early = alice.get(path).text
    gate.set()
    late = alice.get(path).text

    assert "being counted" in early
    assert "data-refresh-seconds" in early
    assert "1 message would be changed." in late


def test_how_many_match_is_told_to_the_list(
    alice: FlaskClient, core: Core, submit_message: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        failed(core, submit_message, tags=("shop",))
    submit_message()
    monkeypatch.setattr(messages, "PAGE", 2)
    page = alice.get("/messages?tag=shop").text
    address = page.partition('data-total="')[2].partition('"')[0]

    answer = alice.get(address).get_json()

    assert address == "/messages/count?tag=shop"
    assert answer == {"total": "3", "goes_on": False}


def test_a_list_of_one_page_knows_how_many_match(alice: FlaskClient, core: Core, submit_message: Submit) -> None:
    for _ in range(3):
        failed(core, submit_message, tags=("shop",))

    page = alice.get("/messages?tag=shop").text

    assert "All that match (3)</label>" in page
    assert "data-total" not in page


def test_whoever_does_not_know_the_form_starts_nothing(alice: FlaskClient, core: Core, submit_message: Submit) -> None:
    message_id = failed(core, submit_message)

    submit(alice, "/messages/bulk", {"action": "retry", "scope": "picked"})

    assert state_of(core, message_id) == "failed"
    with core.database.read() as session:
        assert jobs.page(session)[0] == []


def test_a_viewer_sees_the_list_and_changes_nothing(
    make_person: MakePerson, core: Core, submit_message: Submit
) -> None:
    message_id, bob = failed(core, submit_message), make_person("bob", "viewer")

    listed, shown = bob.get("/messages").text, bob.get(f"/messages/{message_id}").text
    answer = submit(bob, "/messages/bulk", {"action": "delete", "scope": "all"})

    assert message_id in listed
    assert 'name="action"' not in listed
    assert f"/messages/{message_id}/retry" not in shown
    assert answer.status_code == 403
    assert state_of(core, message_id) == "failed"
