"""The list of messages in a real browser: how much of it is seen at once, and how messages are picked in it."""

import itertools
import re

import pytest
from playwright.sync_api import Browser, Locator, expect

from appliance.web.admin.messages import PAGE
from tests.functional.browser import PHONE, address, browser, sign_in, visit
from tests.functional.mail import post, wait_for_status
from tests.functional.processes import Appliance
from tests.functional.test_browser_messages import failed, fits
from tests.smtp_sink import SmtpSink

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

LINE = 24  # pixels


def overlap(one: Locator, other: Locator) -> bool:
    a, b = one.bounding_box(), other.bounding_box()
    assert a is not None
    assert b is not None
    beside = a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
    above = a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1
    return not (beside or above)


@pytest.mark.parametrize("width", [1280, 1000])
def test_a_message_takes_two_lines_of_the_list_however_much_there_is_to_say(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink, width: int
) -> None:
    words = (
        "552 5.2.2 The mailbox of this recipient is full and has not been looked at for a long time. " + "Sorry. " * 30
    )
    shared_sink.reply("RCPT", words, when=lambda line: "two-lines" in line, times=1)
    long = {"subject": "A subject of many words that goes on and on and on " * 5, "tags": ["two-lines", "another"]}
    message_id = post(shared, "two-lines.of-a-customer-with-a-rather-long-name@customers.example.com", **long)
    wait_for_status(shared, message_id, "failed")
    context = browser.new_context(viewport={"width": width, "height": 800})
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages?tag=two-lines")

    row = page.locator("tbody tr").first
    box = row.bounding_box()
    assert box is not None
    assert box["height"] < 3 * LINE
    for first, second in itertools.combinations(row.locator("td:visible").all(), 2):
        assert not overlap(first, second), f"{first.inner_text()} and {second.inner_text()}"
    expect(row.locator(".why")).to_have_attribute("title", re.compile("Sorry. Sorry."))
    assert fits(page)
    assert seen.complaints == []
    context.close()


@pytest.mark.parametrize("width", [1366, 1000, 390])
def test_tags_are_seen_beside_a_subject_of_any_length_and_so_is_the_focus_on_them(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink, width: int
) -> None:
    subject = "Order 315 shipped: a subject that goes on and on for very long indeed"
    post(shared, "tagged@example.com", subject=subject, tags=[f"tags-{width}", "a-rather-long-tag-of-many", "third"])
    context = browser.new_context(viewport={"width": width, "height": 800})
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages?tag=tags-{width}")

    cell = page.locator("tbody td.subject").first
    room, link = cell.bounding_box(), cell.locator(".main").bounding_box()
    assert room is not None
    assert link is not None
    assert link["width"] > 40
    for tag in cell.locator(".tag").all():
        box = tag.bounding_box()
        assert box is not None
        assert box["width"] > 30
        assert room["x"] <= box["x"]
        assert box["x"] + box["width"] <= room["x"] + room["width"] + 1
        assert box["y"] + box["height"] <= room["y"] + room["height"] + 1
    expect(cell.locator(".tag")).to_have_count(2)
    expect(cell.get_by_text("+1")).to_have_attribute("title", "third")
    assert seen.complaints == []
    context.close()


def test_on_a_phone_the_box_for_all_of_the_page_says_what_it_does(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink
) -> None:
    post(shared, "phone@example.com")
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages")

    words = page.get_by_text("Select all on this page").bounding_box()
    assert words is not None
    assert words["width"] > 100
    context.close()


def test_messages_are_picked_with_the_keyboard_and_the_bar_stays_in_reach(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink
) -> None:
    for number in range(PAGE + 5):
        post(shared, f"many-{number}@example.com", tags=["many"])
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages?tag=many")
    retry = page.get_by_role("button", name="Retry…")
    expect(page.get_by_label("0 selected")).to_be_checked()
    expect(retry).to_be_disabled()
    boxes = page.locator("input[name=id]")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    boxes.nth(1).focus()
    page.keyboard.press("Space")
    expect(page.get_by_label("2 selected")).to_be_checked()
    expect(page.locator("[data-said]")).to_have_text("2 selected")  # heard as well
    expect(page.get_by_label(f"All that match ({PAGE + 5})")).not_to_be_checked()  # counted by itself
    boxes.last.focus()
    expect(retry).to_be_in_viewport()
    expect(retry).to_be_enabled()
    page.get_by_label("Select all on this page").focus()
    page.keyboard.press("Space")
    expect(page.get_by_label(f"{PAGE} selected")).to_be_checked()
    page.get_by_label("All that match").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-said]")).to_have_text(f"All that match ({PAGE + 5})")

    assert seen.complaints == []
    context.close()


def test_messages_are_picked_without_scripts(browser: Browser, shared: Appliance, shared_sink: SmtpSink) -> None:
    ids = failed(shared, shared_sink, "plain-1@example.com", "plain-2@example.com", tags=["plain"])
    context = browser.new_context(java_script_enabled=False)
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages?tag=plain")
    page.locator(f"input[value={ids[0]}]").check()
    page.get_by_role("button", name="Delete…").click()

    expect(page.get_by_text("1 message would be deleted.")).to_be_visible()
    assert seen.complaints == []
    context.close()
