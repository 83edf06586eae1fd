"""A person writes a template in a real browser: sees it while writing, compares, goes back; on a desk, on a phone."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.functional.browser import PHONE, address, browser, sign_in, visit
from tests.functional.processes import Appliance

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

DESK = {"width": 1280, "height": 800}


def write_template(page: Page, appliance: Appliance, slug: str) -> None:
    page.goto(f"{address(appliance)}/templates/new")
    page.get_by_label("Name", exact=True).first.fill("Invoice")
    page.get_by_label("Slug").fill(slug)
    page.locator("#subject").fill("Invoice {{ number }}")
    page.locator("#html").fill("<h1>Hello {{ name }}</h1>")
    page.locator("[name=variables-0-name]").fill("name")
    page.locator("[name=variables-0-example]").fill("Ann")


def test_an_untouched_form_has_no_faults(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, shared)

    page.goto(f"{address(shared)}/templates/new")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#faults li")).to_have_count(0)
    page.locator("#html").fill("{% if")
    expect(page.locator("#faults li")).not_to_have_count(0)
    context.close()


def test_a_preview_from_before_an_error_says_so_until_there_is_a_new_one(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.goto(f"{address(shared)}/templates/new")
    old, words = page.locator("#preview.old"), page.get_by_text("as it was before the error")

    page.locator("#html").fill("<p>{% if %}</p>")
    expect(page.locator("#faults")).to_contain_text("needs a condition")
    expect(words).to_be_hidden()  # there is none yet
    page.locator("#html").fill("<p>one</p>")
    page.locator("#subject").fill("One")
    expect(page.frame_locator("#made-html").get_by_text("one")).to_be_visible()
    expect(old).to_have_count(0)
    page.locator("#html").fill("<p>{% if %}</p>")
    expect(words).to_be_visible()
    expect(old).to_have_count(1)
    expect(page.locator("#faults")).to_contain_text("{% if … %} needs a condition")
    page.locator("#html").fill("<p>two</p>")
    expect(page.frame_locator("#made-html").get_by_text("two")).to_be_visible()
    expect(words).to_be_hidden()
    expect(old).to_have_count(0)

    assert seen.complaints == []
    context.close()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_from_writing_to_going_back(browser: Browser, shared: Appliance, viewport: dict[str, int]) -> None:
    slug = f"invoice-{viewport['width']}"
    context = browser.new_context(viewport=viewport)  # type: ignore[arg-type]
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    write_template(page, shared, slug)
    preview = page.frame_locator("#made-html")
    expect(preview.get_by_role("heading", name="Hello Ann")).to_be_visible()  # by itself, while it is written
    undefined = page.locator("#names .undefined")
    expect(undefined).to_contain_text("number")
    undefined.get_by_role("button", name="Declare it").click()
    page.locator("[name=variables-1-example]").fill("1041")
    expect(undefined).to_have_count(0)
    expect(page.locator("#made-subject")).to_have_text("Invoice 1041")
    page.get_by_role("button", name="Phone", exact=True).click()
    expect(page.get_by_role("button", name="Phone", exact=True)).to_have_attribute("aria-pressed", "true")
    assert (page.locator("#made-html").bounding_box() or {"width": 0})["width"] <= 390
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("The template is created.")).to_be_visible()

    page.get_by_role("link", name="Edit", exact=True).click()
    page.locator("#html").fill("<h1>Dear {{ name }}</h1>")
    expect(preview.get_by_role("heading", name="Dear Ann")).to_be_visible()
    page.get_by_label("Reason for the change").fill("More polite")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The template is changed")).to_be_visible()

    page.get_by_role("link", name="What it changed").first.click()
    expect(page.locator("del", has_text="Hello {{ name }}")).to_be_visible()
    expect(page.locator("ins", has_text="Dear {{ name }}")).to_be_visible()
    old, new = page.locator("del").first.bounding_box(), page.locator("ins").first.bounding_box()
    assert old is not None
    assert new is not None
    assert (old["y"] == new["y"]) == (viewport is DESK)  # beside each other, on a phone below
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0

    page.get_by_role("link", name="Back to the template").click()
    page.get_by_role("button", name="Go back to this version").click()
    page.get_by_role("button", name="Go back to version 1").click()
    expect(page.get_by_text("as version 3")).to_be_visible()
    expect(page.frame_locator("iframe.mail").get_by_role("heading", name="Hello Ann")).to_be_visible()
    assert seen.complaints == []
    context.close()


def test_a_preview_needs_no_script(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context(java_script_enabled=False)
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)

    write_template(page, shared, "without-script")
    page.get_by_role("button", name="Preview").click()

    expect(page.frame_locator("#made-html").get_by_role("heading", name="Hello Ann")).to_be_visible()
    expect(page.locator("#names .undefined")).to_contain_text("number")
    expect(page.locator("#html")).to_have_value("<h1>Hello {{ name }}</h1>")
    assert seen.complaints == []
    context.close()
