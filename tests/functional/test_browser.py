"""A person with a real browser: sets the box up, sends a message, looks at it everywhere.

Whatever the browser complains about, on its console or on the network, fails the test.
"""

import pytest
from playwright.sync_api import Browser, expect

from tests.functional.browser import PASSWORD, PHONE, address, browser, setup_link, sign_in, visit
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import post, wait_for_status
from tests.functional.processes import Appliance

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

HTML = "<h1>Your invoice</h1><p style='color: #2b4fa8'>Hello <b>Ann</b>.</p>"


def test_from_the_setup_link_to_a_mail_in_the_mailbox(browser: Browser, start_appliance: MakeAppliance) -> None:
    appliance = start_appliance({"ADMIN_USER": "", "ADMIN_PASSWORD": ""})
    context = browser.new_context()
    seen = visit(context)
    page = seen.page

    page.goto(address(appliance))
    expect(page.get_by_role("heading", name="Set-up is pending")).to_be_visible()

    page.goto(address(appliance) + setup_link(appliance))
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create the first user").click()
    expect(page.get_by_text("Postroom is set up.")).to_be_visible()

    page.get_by_role("link", name="Messages", exact=True).click()
    page.get_by_label("Address for a test message").fill("ann@example.com")
    page.get_by_role("button", name="Send a test message").click()
    expect(page.get_by_text("The next server accepted it for its recipient")).to_be_visible()  # refreshed by itself

    page.get_by_role("link", name="Mailbox", exact=True).click()
    page.get_by_role("link", name="A test message from Postroom").click()
    expect(page.frame_locator("iframe").get_by_role("heading", name="This is a test message")).to_be_visible()

    assert seen.complaints == []
    context.close()


def test_a_message_is_found_and_its_html_is_shown(browser: Browser, shared: Appliance) -> None:
    message_id = post(shared, "browser@example.com", subject="An invoice to find", html=HTML)
    wait_for_status(shared, message_id, "sent")
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/messages")
    page.get_by_label("Recipient").fill("browser")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="An invoice to find").click()

    expect(page.get_by_text("Accepted", exact=True).first).to_be_visible()
    expect(page.frame_locator("iframe").get_by_role("heading", name="Your invoice")).to_be_visible()
    assert seen.complaints == []
    context.close()


def test_flower_opens_inside_the_same_sign_in(browser: Browser, shared: Appliance) -> None:
    wait_for_status(shared, post(shared), "sent")
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.get_by_role("navigation").get_by_role("link", name="Flower").click()
    expect(page.get_by_text("postroom@").first).to_be_visible()
    page.get_by_role("link", name="Tasks").first.click()
    expect(page.get_by_text("appliance.tasks.email_tasks.send_email_task").first).to_be_visible()
    page.get_by_role("link", name="Broker").first.click()
    expect(page.get_by_role("cell").first).to_be_visible()

    assert seen.complaints == []
    context.close()


def test_the_api_documentation_works_offline(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    seen = visit(context)
    sign_in(seen.page, shared)

    seen.page.goto(f"{address(shared)}/api/docs")
    seen.page.get_by_role("link", name="GET /api/v1/messages", exact=True).click()

    opened = seen.page.locator("#operations-messages-list_messages")
    expect(opened.get_by_role("button", name="Try it out")).to_be_visible(timeout=30_000)  # it is a large script
    expect(seen.page.get_by_role("button", name="Authorize")).to_be_visible()
    expect(seen.page.locator("#operations")).to_be_hidden()
    assert seen.complaints == []
    context.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_fits_a_phone(browser: Browser, shared: Appliance, colours: str) -> None:
    message_id = post(shared, "a-rather-long-address-of-somebody@a-rather-long-domain.example.com", subject="x" * 300)
    context = browser.new_context(viewport=PHONE, color_scheme=colours)  # type: ignore[arg-type]
    seen = visit(context)
    sign_in(seen.page, shared)

    for path in ("/", "/messages", f"/messages/{message_id}", "/mailbox", "/accounts", "/accounts/new", "/keys"):
        seen.page.goto(address(shared) + path)
        too_wide = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

        assert too_wide <= 0, path
        assert seen.page.evaluate("document.documentElement.dataset.bsTheme") == colours
    assert seen.complaints == []
    context.close()


def test_the_pages_work_without_scripts(browser: Browser, shared: Appliance) -> None:
    message_id = post(shared, account="acc_mailbox", subject="No scripts")
    wait_for_status(shared, message_id, "sent")
    context = browser.new_context(java_script_enabled=False)
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    page.goto(f"{address(shared)}/mailbox")
    page.get_by_role("button", name="Empty the mailbox").click()
    page.get_by_role("button", name="Remove all mail").click()

    expect(page.get_by_text("The mailbox is empty.").first).to_be_visible()
    assert seen.complaints == []
    context.close()
