"""What all forms have in a real browser: questions, copying, one answer to two clicks; and how one gets into a page."""

import secrets

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from tests.functional.browser import ELSEWHERE, PASSWORD, PHONE, address, browser, sign_in, visit
from tests.functional.mail import post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

COUNT_AND_STAY = """
window.sent = 0;
window.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) window.sent += 1;
  event.preventDefault();
});
"""
"""For a page: counts the forms that would be sent now, and sends none."""

PLAIN_COLOUR, RED = "rgb(43, 79, 168)", "rgb(179, 38, 30)"


def box(part: Locator) -> FloatRect:
    found = part.bounding_box()
    assert found is not None
    return found


def colour(button: Locator) -> str:
    return str(button.evaluate("one => getComputedStyle(one).backgroundColor"))


def failed_message(appliance: Appliance, sink: SmtpSink) -> str:
    to = f"question-{secrets.token_hex(4)}@example.com"  # each its own: who was refused is not written to again
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: to in line, times=1)
    message_id = post(appliance, to)
    wait_for_status(appliance, message_id, "failed")
    return message_id


def test_a_question_moves_nothing_and_is_left_in_every_way(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink
) -> None:
    message_id = failed_message(shared, shared_sink)
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.goto(f"{address(shared)}/messages/{message_id}")
    opener, below = page.get_by_role("button", name="Delete", exact=True), page.locator("main section").first
    before = box(below)
    yes = page.get_by_role("button", name="Delete it")

    opener.press("Enter")
    expect(yes).to_be_visible()
    assert box(below) == before
    expect(page.locator(".question:visible")).to_be_focused()
    page.keyboard.press("Escape")
    expect(yes).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    page.mouse.click(5, 5)  # beside the question
    expect(yes).to_be_hidden()
    opener.click()
    page.get_by_role("button", name="Leave it").click()
    expect(yes).to_be_hidden()
    opener.click()
    yes.click()

    expect(page.get_by_text("The message is deleted.")).to_be_visible()
    assert seen.complaints == []
    context.close()


def test_only_what_loses_something_is_red(browser: Browser, shared: Appliance, shared_sink: SmtpSink) -> None:
    message_id = failed_message(shared, shared_sink)
    context = browser.new_context(color_scheme="dark")
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages/{message_id}")
    found = {
        name: colour(page.get_by_role("button", name=name, include_hidden=True)) for name in ("Retry now", "Delete it")
    }

    assert found == {"Retry now": PLAIN_COLOUR, "Delete it": RED}
    assert seen.complaints == []
    context.close()


def test_a_question_on_a_phone_fits_it_and_is_left_without_scripts(
    browser: Browser, shared: Appliance, shared_sink: SmtpSink
) -> None:
    message_id = failed_message(shared, shared_sink)
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.goto(f"{address(shared)}/messages/{message_id}")
    yes = page.get_by_role("button", name="Delete it")

    page.get_by_role("button", name="Delete", exact=True).click()
    question = box(page.locator(".question:visible"))
    page.mouse.click(5, 5)

    expect(yes).to_be_hidden()
    assert question["x"] >= 0
    assert question["x"] + question["width"] <= PHONE["width"]
    assert question["y"] >= 0
    assert question["y"] + question["height"] <= PHONE["height"]
    assert seen.complaints == []
    context.close()


def test_a_form_is_sent_once_however_often_its_button_is_pressed(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.goto(f"{address(shared)}/messages")
    page.get_by_label("Address for a test message").fill("ann@example.com")
    page.evaluate(COUNT_AND_STAY)
    button = page.get_by_role("button", name="Send a test message")

    button.dblclick()
    button.press("Enter")

    assert page.evaluate("window.sent") == 1
    expect(button).to_have_attribute("aria-disabled", "true")
    assert seen.complaints == []
    context.close()


def test_a_form_that_is_brought_back_can_be_sent_again(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages")
    page.get_by_label("Address for a test message").fill("again@example.com")
    page.get_by_role("button", name="Send a test message").click()
    page.wait_for_url("**/messages/msg_*")
    page.go_back()
    button = page.get_by_role("button", name="Send a test message")

    expect(button).to_be_visible()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    context.close()


def created_key(page: Page, base: str, name: str) -> None:
    page.goto(f"{base}/keys")
    if not page.get_by_label("Name").is_visible():
        page.get_by_text("Create a key").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("Copy the key now.")).to_be_visible()


def test_a_key_and_its_command_are_copied_with_the_keyboard(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    created_key(page, address(shared), "copied")

    for name, part in (("Copy the key", "#secret"), ("Copy the command", "#command")):
        page.get_by_role("button", name=name).press("Enter")
        expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator(part).text_content()
    assert copied.startswith("curl ")
    assert seen.complaints == []
    context.close()


@pytest.mark.parametrize("old_way", [True, False], ids=["copied", "selected"])
def test_where_a_browser_gives_no_clipboard_it_is_copied_or_at_least_selected(
    browser: Browser, shared: Appliance, old_way: bool
) -> None:
    context = browser.new_context()
    if not old_way:
        context.add_init_script("document.execCommand = () => false")
    seen = visit(context)
    page = seen.page
    base = f"http://{ELSEWHERE}:{shared.port}"
    page.goto(f"{base}/sign-in")
    page.locator("[name=name]").fill("alice")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main form button.btn-primary").click()
    created_key(page, base, f"elsewhere {old_way}")
    assert page.evaluate("navigator.clipboard === undefined")

    page.get_by_role("button", name="Copy the key").click()

    secret = page.locator("#secret").text_content()
    if old_way:
        expect(page.get_by_role("button", name="Copied")).to_be_focused()
        page.goto(f"{base}/messages")
        page.get_by_label("Subject or id").press("Control+v")
        expect(page.get_by_label("Subject or id")).to_have_value(secret or "")
    else:
        expect(page.get_by_role("button", name="It is selected: copy it with Ctrl+C")).to_be_visible()
        assert page.evaluate("String(getSelection())") == secret
    assert seen.complaints == []
    context.close()


def test_without_scripts_there_is_nothing_to_press_for_a_copy(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context(java_script_enabled=False)
    seen = visit(context)
    sign_in(seen.page, shared)
    created_key(seen.page, address(shared), "no scripts")

    expect(seen.page.get_by_role("button", name="Copy the key")).to_have_count(0)
    assert seen.complaints == []
    context.close()


@pytest.mark.parametrize("screen", [{"width": 1280, "height": 800}, PHONE], ids=["wide", "phone"])
def test_the_skip_link_leads_to_a_heading_that_is_seen(
    browser: Browser, shared: Appliance, screen: dict[str, int]
) -> None:
    message_id = post(shared, html="<h1>Hello</h1>")
    wait_for_status(shared, message_id, "sent")
    context = browser.new_context(viewport=screen, reduced_motion="reduce")  # type: ignore[arg-type]
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.goto(f"{address(shared)}/messages/{message_id}")

    page.evaluate("window.scrollTo(0, 500)")
    page.get_by_role("link", name="Skip to the content").press("Enter")

    heading, top = page.get_by_role("heading", level=1), box(page.locator("header.top"))
    expect(page.locator("#content")).to_be_focused()
    expect(heading).to_be_in_viewport()
    assert box(heading)["y"] >= top["y"] + top["height"]
    context.close()


def test_the_menu_of_a_phone_covers_nothing_of_itself(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.get_by_role("link", name="Menu", exact=True).click()
    close, title = page.get_by_role("link", name="Close the menu"), page.locator("#menu h2").first
    over, under = box(close), box(title.locator("xpath=following-sibling::ul[1]/li[1]/a"))
    assert over["x"] >= box(title)["x"] + 80  # beside the title, which is one short word
    assert over["y"] + over["height"] <= under["y"] + 2 or over["x"] >= PHONE["width"] / 2
    page.locator("#menu").get_by_role("link", name="About").scroll_into_view_if_needed()
    expect(close).to_be_in_viewport()  # also when one has gone down to the last entry
    close.click()

    expect(page.locator("#menu")).to_be_hidden()
    assert seen.complaints == []
    context.close()
