"""The suppression list, looked after by a person."""

from io import BytesIO

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import messages, suppressions
from appliance.services.intake import Address
from tests.web.admin.conftest import Submit
from tests.web.conftest import submit

PAGE = "/suppressions"


def listed(core: Core) -> dict[str, tuple[str, str, bool]]:
    with core.database.read() as session:
        found, _ = suppressions.page(session, now=utc_now())
    return {one.address: (one.source, one.reason, one.expires_at is None) for one in found}


def add(core: Core, address: str = "ann@example.com", reason: str = "asked") -> str:
    return core.services.suppressions.add(address, reason, source=SuppressionSource.MANUAL)


def upload(alice: FlaskClient, content: bytes) -> TestResponse:
    return submit(alice, f"{PAGE}/import", {"file": (BytesIO(content), "list.csv")}, form_at=PAGE)


def test_without_suppressions_the_page_says_how_they_come_about(alice: FlaskClient) -> None:
    assert "Nobody is suppressed." in alice.get(PAGE).text


def test_person_suppresses_an_address_for_some_days(alice: FlaskClient, core: Core) -> None:
    form = {"address": "Ann@example.com", "reason": "asked", "days": "30"}

    answer = submit(alice, PAGE, form, form_at=PAGE)

    assert listed(core) == {"ann@example.com": ("manual", "asked", False)}
    shown = alice.get(answer.headers["Location"]).text
    assert "Nothing is sent to Ann@example.com any more." in shown
    assert "ann@example.com" in shown


def test_what_is_wrong_stands_beside_its_field(alice: FlaskClient, core: Core) -> None:
    answer = submit(alice, PAGE, {"address": "nobody", "days": "0"}, form_at=PAGE)

    assert answer.status_code == 422
    assert 'id="days-error"' in answer.text
    answer = submit(alice, PAGE, {"address": "nobody", "days": ""}, form_at=PAGE)
    assert 'id="address-error"' in answer.text
    assert 'value="nobody"' in answer.text
    assert listed(core) == {}


def test_list_is_searched_and_escaped(alice: FlaskClient, core: Core) -> None:
    add(core, "ann@example.com", "<script>alert(1)</script>")
    add(core, "example.org")

    assert "<script>alert" not in alice.get(PAGE).text
    assert "whole domain" in alice.get(PAGE).text
    found = alice.get(f"{PAGE}?q=ann").text
    assert "ann@example.com" in found
    assert "example.org" not in found
    assert "No suppression fits." in alice.get(f"{PAGE}?source=import").text


def test_removal_offers_to_send_what_was_stopped(alice: FlaskClient, core: Core, submit_message: Submit) -> None:
    entry = add(core)
    message = submit_message(to=(Address("ann@example.com"),))
    assert "Also send the messages that it stopped (1)" in alice.get(PAGE).text

    answer = submit(alice, f"{PAGE}/{entry}/remove", {"release": "y"}, form_at=PAGE)

    assert "Released messages: 1." in alice.get(answer.headers["Location"]).text
    with core.database.read() as session:
        assert messages.status_of(session, message) == "queued"


def test_address_with_a_slash_is_found_and_removed(alice: FlaskClient, core: Core) -> None:
    entry = add(core, "a/b@example.com")
    assert "a/b@example.com" in alice.get(f"{PAGE}?q=a/b@").text

    submit(alice, f"{PAGE}/{entry}/remove", {}, form_at=PAGE)

    assert "a/b@example.com" not in alice.get(f"{PAGE}?q=a/b@").text.partition("<table")[2]


def test_above_a_list_stands_a_way_to_the_form_below(alice: FlaskClient, core: Core) -> None:
    assert 'href="#add-title"' not in alice.get(PAGE).text

    add(core)

    page = alice.get(PAGE).text
    assert 'href="#add-title"' in page
    assert 'id="add-title"' in page


def test_removing_what_is_gone_says_so(alice: FlaskClient, core: Core) -> None:
    entry = add(core)
    core.services.suppressions.remove(entry)

    answer = submit(alice, f"{PAGE}/{entry}/remove", {}, form_at=PAGE)

    assert "removed already" in alice.get(answer.headers["Location"]).text


def test_file_is_imported_and_what_was_left_out_is_shown(alice: FlaskClient, core: Core) -> None:
    page = upload(alice, b"ann@example.com,asked\nno address\n").text

    assert "Imported: 1. Left out: 1." in page
    assert "Line 2:" in page
    assert listed(core) == {"ann@example.com": ("import", "asked", True)}


def test_file_that_is_no_csv_changes_nothing(alice: FlaskClient, core: Core) -> None:
    answer = upload(alice, b"\xff\xfe")

    assert answer.status_code == 422
    assert "Nothing was imported. Byte 0 is not UTF-8." in answer.text
    assert listed(core) == {}


def test_export_is_a_download(alice: FlaskClient, core: Core) -> None:
    add(core)

    answer = alice.get(f"{PAGE}/export")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="suppressions.csv"'
    assert "ann@example.com,asked,manual" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
