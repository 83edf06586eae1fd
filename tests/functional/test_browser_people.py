"""People with a real browser: the first steps to the first mail that arrives, the second factor, and what roles may."""

import re
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.functional.browser import PASSWORD, PHONE, address, browser, setup_link, sign_in, visit
from tests.functional.conftest import MakeAppliance
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 800}
NEW_PASSWORD = "another horse battery"


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=request.param)
    yield context
    context.close()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def press(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name, exact=True).click()


def test_from_the_setup_link_to_a_mail_that_arrives(
    context: BrowserContext, start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance({"ADMIN_USER": "", "ADMIN_PASSWORD": ""})
    seen = visit(context)
    page = seen.page

    page.goto(address(appliance))
    expect(page.get_by_role("heading", name="Set-up is pending")).to_be_visible()
    page.goto(address(appliance) + setup_link(appliance))
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    press(page, "Create the first user")

    expect(page.get_by_text("Postroom is set up.")).to_be_visible()
    page.get_by_label("Time zone").select_option("Asia/Shanghai")
    page.get_by_label("Public address").fill("https://mail.example.com")
    press(page, "Save and go on")
    expect(page.get_by_text("The time zone is in force after the next restart")).to_be_visible()

    page.get_by_role("link", name="Another server").click()
    page.get_by_label("Name", exact=True).fill("Shop")
    page.get_by_label("Address", exact=True).fill("shop@example.com")
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_label("Port", exact=True).fill("1")
    page.get_by_label("Encryption").select_option("none")
    press(page, "Test and add")
    expect(page.get_by_text("That did not work.")).to_be_visible()
    page.get_by_role("link", name="Change the details").click()
    expect(page.get_by_label("Address", exact=True)).to_have_value("shop@example.com")
    page.get_by_label("Port", exact=True).fill(str(sink.port))
    press(page, "Test and add")
    expect(page.get_by_text("The server let us in.")).to_be_visible()
    expect(page.get_by_text(re.compile("^EHLO |EHLO ")).first).to_be_visible()
    assert fits(page)
    page.get_by_role("link", name="Go on").click()

    page.get_by_label("Name").fill("webshop")
    press(page, "Create the key")
    expect(page.locator("#command")).to_contain_text(page.locator("#secret").inner_text())
    assert fits(page)
    page.get_by_role("link", name="Go on").click()

    page.get_by_label("Address").fill("ann@example.com")
    press(page, "Send it")
    expect(page.get_by_text("The server of the sender account has taken it.")).to_be_visible(timeout=15_000)
    assert [one.rcpt_to for one in sink.messages] == [("ann@example.com",)]

    page.get_by_role("link", name="Go on").click()
    expect(page.get_by_text("Done", exact=True)).to_have_count(5)
    page.get_by_role("link", name="To the overview").click()
    expect(page.get_by_text("Go on with the first steps")).to_have_count(0)
    expect(page.get_by_text("In force: UTC; after the next restart: Asia/Shanghai.")).to_be_visible()
    page.get_by_role("link", name="time zone").click()
    expect(page.get_by_text("systemctl restart postroom")).to_be_visible()
    expect(page.get_by_text("https://mail.example.com", exact=True).first).to_be_visible()
    assert fits(page)
    assert seen.complaints == []


def test_a_first_message_that_cannot_go_out_leads_to_what_is_wrong(
    context: BrowserContext, start_appliance: MakeAppliance
) -> None:
    appliance = start_appliance()
    seen = visit(context)
    page = seen.page
    sign_in(page, appliance)

    page.goto(f"{address(appliance)}/welcome/account?preset=custom")
    page.get_by_label("Name", exact=True).fill("Shop")
    page.get_by_label("Address", exact=True).fill("shop@example.com")
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_label("Port", exact=True).fill("1")
    page.get_by_label("Encryption").select_option("none")
    press(page, "Test and add")
    said = page.get_by_text("many block port 25, and some 587 and 465 as well")
    expect(said).to_be_visible()
    press(page, "Add it all the same")
    page.goto(f"{address(appliance)}/welcome/message")
    page.get_by_label("Address").fill("ann@example.com")
    press(page, "Send it")
    expect(page.get_by_text("It has not gone out yet.")).to_be_visible(timeout=15_000)
    assert fits(page)
    page.get_by_role("link", name="Test and mend the sender account").click()
    press(page, "Test")

    expect(page.get_by_role("heading", name="Result of the test")).to_be_visible()
    expect(said).to_be_visible()  # the same advice as before
    page.get_by_role("link", name="Change the details").click()
    expect(page.get_by_label("Server", exact=True)).to_have_value("127.0.0.1")
    assert fits(page)
    assert seen.complaints == []


def test_every_step_can_be_left_for_later(browser: Browser, start_appliance: MakeAppliance) -> None:
    appliance = start_appliance()
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, appliance)

    page.get_by_role("link", name="Go on with the first steps").click()
    page.locator(".steps a").first.click()
    for step in ("Sender account", "API key", "First message", "First steps"):
        page.get_by_role("link", name="Later").click()
        expect(page.get_by_role("heading", name=step, exact=True)).to_be_visible()

    page.goto(address(appliance))
    expect(page.get_by_role("link", name="Go on with the first steps")).to_be_visible()
    assert seen.complaints == []
    context.close()


def test_the_first_message_is_watched_without_scripts_too(browser: Browser, start_appliance: MakeAppliance) -> None:
    appliance = start_appliance()
    context = browser.new_context(java_script_enabled=False)
    seen = visit(context)
    page = seen.page
    sign_in(page, appliance)

    page.goto(f"{address(appliance)}/welcome/message")
    page.get_by_label("Address").fill("ann@example.com")
    press(page, "Send it")

    expect(page.get_by_text("It has arrived in the built-in mailbox.")).to_be_visible(timeout=15_000)
    assert seen.complaints == []
    context.close()


def test_a_second_factor_is_set_up_and_used_and_a_recovery_code_as_well(
    context: BrowserContext, start_appliance: MakeAppliance
) -> None:
    appliance = start_appliance()
    seen = visit(context)
    page = seen.page
    sign_in(page, appliance)

    page.goto(f"{address(appliance)}/profile/second-factor")
    picture = page.get_by_role("img", name="A picture of the key")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 0
    assert fits(page)
    totp = pyotp.TOTP(page.locator("#totp-secret").inner_text().replace(" ", ""))
    used = totp.now()
    page.get_by_role("textbox", name="Code").fill(used)
    page.get_by_label("Current password").fill(PASSWORD)
    press(page, "Switch it on")
    recovery = page.locator(".recovery-codes code").all_inner_texts()
    assert len(recovery) == 10
    assert fits(page)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes are left.")).to_be_visible()

    page.get_by_role("button", name="Sign out", exact=True).first.click()
    begin_to_sign_in(page)
    with page.expect_response("**/sign-in/code") as refused:
        page.get_by_role("textbox", name="Code").fill(used)
        press(page, "Sign in")
    assert refused.value.status == 401
    page.get_by_role("textbox", name="Code").fill(recovery[0].upper())
    press(page, "Sign in")
    expect(page.locator("nav#menu")).to_be_attached()
    page.goto(f"{address(appliance)}/profile")
    expect(page.get_by_text("9 recovery codes are left.")).to_be_visible()
    assert [one for one in seen.complaints if "401" not in one] == []


def begin_to_sign_in(page: Page) -> None:
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_password_that_is_changed_by_a_double_click_ends_on_the_own_page(
    browser: Browser, start_appliance: MakeAppliance, scripts: bool
) -> None:
    appliance = start_appliance()
    context = browser.new_context(java_script_enabled=scripts)
    seen = visit(context)
    page = seen.page
    sign_in(page, appliance)

    page.goto(f"{address(appliance)}/profile/password")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password again").fill(NEW_PASSWORD)
    page.locator("main form button.btn-primary").dblclick()

    expect(page.get_by_text("Your password is changed")).to_be_visible()
    page.goto(f"{address(appliance)}/profile")
    expect(page.get_by_role("heading", name="alice")).to_be_visible()
    assert seen.complaints == []
    context.close()


def test_a_viewer_looks_and_changes_nothing_and_chooses_a_password_first(
    browser: Browser, start_appliance: MakeAppliance
) -> None:
    appliance = start_appliance()
    admins = browser.new_context()
    page = visit(admins).page
    sign_in(page, appliance)
    password = make_user(page, appliance, "carol", "Viewer")
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    seen = visit(context)
    carol = seen.page

    carol.goto(f"{address(appliance)}/sign-in")
    carol.get_by_label("Name").fill("carol")
    carol.get_by_label("Password").fill(password)
    press(carol, "Sign in")
    carol.get_by_label("Current password").fill(password)
    carol.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    carol.get_by_label("New password again").fill(NEW_PASSWORD)
    press(carol, "Change the password")
    expect(carol.get_by_text("Your password is changed")).to_be_visible()

    for path in ("/", "/messages", "/accounts", "/keys", "/suppressions", "/templates", "/webhooks"):
        carol.goto(address(appliance) + path)
        assert buttons(carol) <= {"Search", "Show", "Filter"}, path
    assert seen.complaints == []
    for visitor, there in ((page, 1), (carol, 0)):  # Flower offers nobody what it would refuse
        visitor.goto(f"{address(appliance)}/flower/workers")
        visitor.goto(
            address(appliance) + str(visitor.locator("a[href*='/flower/worker/']").first.get_attribute("href"))
        )
        expect(visitor.get_by_role("tab", name="Pool")).to_be_visible()
        expect(visitor.locator("#worker-group")).to_have_count(there)
    carol.goto(f"{address(appliance)}/users")
    expect(carol.get_by_text("Your role does not allow that")).to_be_visible()
    context.close()

    sign_out_everywhere(page, appliance, "carol")
    admins.close()


def make_user(page: Page, appliance: Appliance, name: str, role: str) -> str:
    """Returns the password that was made."""
    page.goto(f"{address(appliance)}/users/new")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Role").select_option(label=role)
    press(page, "Add")
    return page.locator("#password").inner_text()


def sign_out_everywhere(page: Page, appliance: Appliance, name: str) -> None:
    page.goto(f"{address(appliance)}/users")
    page.get_by_role("link", name=name).click()
    page.locator("summary", has_text="Sign out everywhere").click()
    press(page, "Sign out")
    expect(page.get_by_text("The user is signed out everywhere.")).to_be_visible()


def buttons(page: Page) -> set[str]:
    """What would send a form, in the page itself."""
    found: Any = page.locator("main form[method=post] button").all_inner_texts()
    return {text.strip() for text in found}
