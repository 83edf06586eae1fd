"""A person at work with messages in a real browser: writes one, mends those that failed, takes the list home."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.functional.browser import PHONE, address, browser, sign_in, visit
from tests.functional.mail import arrivals, message, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

WIDE = {"width": 1280, "height": 800}
SCREENS = [(WIDE, "light"), (PHONE, "dark")]


def failed(appliance: Appliance, sink: SmtpSink, *to: str, **fields: object) -> list[str]:
    """Messages that the server refuses, once each."""
    sink.reply("RCPT", "550 5.2.1 mailbox disabled", when=lambda line: any(one in line for one in to), times=len(to))
    ids = [post(appliance, one, **fields) for one in to]
    for one in ids:
        wait_for_status(appliance, one, "failed")
    return ids


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


class expect_complaint:  # noqa: N801 - reads as a verb
    """The browser notes every answer of 400 and more; this one is meant."""

    def __init__(self, complaints: list[str], words: str) -> None:
        self._complaints = complaints
        self._words = words

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        assert any(self._words in one for one in self._complaints)
        self._complaints[:] = [one for one in self._complaints if self._words not in one]


@pytest.mark.parametrize(("screen", "colours"), SCREENS, ids=["wide", "phone"])
def test_from_an_empty_form_to_the_arrival(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink, screen: dict[str, int], colours: str
) -> None:
    to = f"compose-{colours}@example.com"
    context = browser.new_context(viewport=screen, color_scheme=colours)  # type: ignore[arg-type]
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/compose")
    page.get_by_label("To", exact=True).fill(to)
    page.get_by_label("HTML").fill("<h1>Good morning</h1>")
    page.get_by_label("Attachments").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"some notes"}
    )
    page.get_by_role("button", name="Preview", exact=True).last.click()
    with expect_complaint(seen.complaints, "422"):
        expect(page.get_by_text("Give a subject.")).to_be_visible()
    expect(page.get_by_text("notes.txt")).to_be_visible()
    assert fits(page)
    page.get_by_label("Subject").fill("Written by hand")
    page.get_by_role("button", name="Preview", exact=True).last.click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Good morning")).to_be_visible()
    assert fits(page)
    page.locator("#preview").get_by_role("button", name="Send").click()

    expect(page.get_by_text("The next server accepted it for its recipient")).to_be_visible()  # refreshed by itself
    expect(page.get_by_role("link", name="notes.txt")).to_be_visible()
    assert fits(page)
    assert len(arrivals(shared_sink)[to]) == 1
    assert seen.complaints == []
    context.close()


def test_a_test_is_made_from_a_template(browser: Browser, shared: Appliance, shared_sink: SmtpSink) -> None:
    template = {
        "slug": "by-hand",
        "name": "By hand",
        "subject": "Parcel {{ number }}",
        "html": "<p>Hello {{ name }}</p>",
        "variables": [
            {"name": "name", "type": "string", "example": "Ann"},
            {"name": "number", "type": "integer", "example": 7},
        ],
    }
    assert shared.request("POST", "/api/v1/templates", shared.local_token(), template)[0] == 201
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/compose")
    page.get_by_label("To", exact=True).fill("by-template@example.com")
    page.get_by_label("Template").select_option("by-hand")
    page.get_by_role("button", name="Use this template").click()
    page.get_by_role("button", name="Fill in the examples").click()
    page.get_by_label("number").fill("8")
    page.get_by_role("button", name="Send without a preview").click()

    expect(page.get_by_role("heading", name="Parcel 8")).to_be_visible()
    wait_until(lambda: "by-template@example.com" in arrivals(shared_sink), message="it did not arrive")
    assert seen.complaints == []
    context.close()


def test_a_failed_message_is_found_understood_and_sent(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink
) -> None:
    failed(shared, shared_sink, "nobody@example.com", subject="The one that failed")
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages")
    page.get_by_label("State").select_option("failed")
    page.get_by_text("More filters").click()
    page.get_by_label("Why it waits or failed").select_option("refused")
    page.get_by_role("button", name="Search").click()
    assert "status=failed" in page.url
    assert "reason=refused" in page.url
    page.get_by_role("link", name="The one that failed").click()
    expect(page.get_by_text("The server refused it for good")).to_be_visible()
    expect(page.get_by_text("5.2.1 mailbox disabled").first).to_be_visible()
    page.get_by_role("button", name="Retry", exact=True).click()
    page.get_by_role("button", name="Retry now").click()

    expect(page.get_by_text("The next server accepted it for its recipient")).to_be_visible()
    page.get_by_role("link", name="its task in Flower").last.click()
    expect(page.get_by_text("appliance.tasks.email_tasks.send_email_task").first).to_be_visible()
    assert seen.complaints == []
    context.close()


@pytest.mark.parametrize(("screen", "colours"), SCREENS, ids=["wide", "phone"])
def test_all_that_failed_are_counted_and_retried(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink, screen: dict[str, int], colours: str
) -> None:
    to = [f"bulk-{colours}-{number}@example.com" for number in range(3)]
    ids = failed(shared, shared_sink, *to, tags=[f"bulk-{colours}"])
    context = browser.new_context(viewport=screen, color_scheme=colours)  # type: ignore[arg-type]
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages?tag=bulk-{colours}")
    assert fits(page)
    page.get_by_label("All that match").check()
    page.get_by_role("button", name="Retry…").click()
    expect(page.get_by_text("3 messages would be changed.")).to_be_visible()
    page.get_by_role("button", name="Retry 3 messages").click()

    expect(page.get_by_text("3 of 3")).to_be_visible()  # refreshed by itself
    expect(page.get_by_text("alice").first).to_be_visible()
    for one in ids:
        wait_for_status(shared, one, "sent")
    assert seen.complaints == []
    context.close()


def test_those_that_are_picked_are_deleted_and_no_others(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink
) -> None:
    ids = failed(shared, shared_sink, "pick-1@example.com", "pick-2@example.com", tags=["pick"])
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages?tag=pick")
    page.locator(f"input[value={ids[0]}]").check()
    expect(page.get_by_label("1 selected")).to_be_checked()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete 1 message").click()
    expect(page.get_by_text("1 of 1")).to_be_visible()

    page.goto(f"{address(shared)}/messages?tag=pick")
    expect(page.locator(f"input[value={ids[0]}]")).to_have_count(0)
    assert message(shared, ids[1])["status"] == "failed"
    assert seen.complaints == []
    context.close()


def test_the_list_is_taken_home_as_a_file(browser: Browser, shared: Appliance, tmp_path: Path) -> None:
    wanted = post(shared, subject="=1+1", tags=["export"])
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages?tag=export")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    download.value.save_as(tmp_path / "messages.csv")

    with (tmp_path / "messages.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["id"], row["subject"]) == (wanted, "'=1+1")
    assert seen.complaints == []
    context.close()


def test_a_mail_is_released_from_the_mailbox(browser: Browser, shared: Appliance, shared_sink: SmtpSink) -> None:
    message_id = post(shared, "released@example.com", subject="Kept at first", account="acc_mailbox")
    wait_for_status(shared, message_id, "sent")
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/mailbox?q=released@")
    page.get_by_role("link", name="Kept at first").click()
    page.get_by_role("button", name="Release").click()
    page.get_by_role("button", name="Send it").click()

    expect(page.get_by_text("The next server accepted it for its recipient")).to_be_visible()
    assert arrivals(shared_sink)["released@example.com"] == [message(shared, message_id)["message_id"]]
    assert seen.complaints == []
    context.close()
