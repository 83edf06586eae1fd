"""The pages with figures in a real browser: charts are drawn, follow light and dark, and need no script to be read."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.functional.browser import PHONE, address, browser, sign_in, visit
from tests.functional.mail import post, wait_for_status
from tests.functional.processes import Appliance
from tests.waiting import wait_until

__all__ = ["browser"]

pytestmark = pytest.mark.browser

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
GREEN = {"light": (26, 107, 60), "dark": (108, 207, 147)}  # --pr-good
HAS_COLOUR = """(canvas, [red, green, blue]) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) return true;
  }
  return false;
}"""


@pytest.fixture
def busy(shared: Appliance) -> Appliance:
    """One that has sent something, which its figures know of."""
    wait_for_status(shared, post(shared, "ann@example.com"), "sent")

    def counted() -> bool:
        _, answer = shared.request("GET", "/api/v1/stats", shared.local_token())
        return bool(answer["totals"]["sent"])

    wait_until(counted, message="what was sent is not counted")
    return shared


def has_green(canvas: Locator, colours: str) -> bool:
    return bool(canvas.evaluate(HAS_COLOUR, list(GREEN[colours])))


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_charts_are_drawn_in_the_colours_of_the_page(
    browser: Browser, busy: Appliance, colours: Any, size: ViewportSize
) -> None:
    context = browser.new_context(viewport=size, color_scheme=colours, reduced_motion="reduce")
    seen = visit(context)
    sign_in(seen.page, busy)

    for path, charts in (("/", 2), ("/statistics?by=hour&period=24h", 1), ("/statistics?by=account", 1)):
        seen.page.goto(address(busy) + path)
        seen.page.wait_for_load_state("networkidle")
        drawn = seen.page.locator("canvas[data-chart]")
        expect(drawn).to_have_count(charts)
        assert all(has_green(canvas, colours) for canvas in drawn.all()), path
        assert fits(seen.page), path

    assert seen.complaints == []
    context.close()


def test_charts_change_their_colours_with_the_device(browser: Browser, busy: Appliance) -> None:
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, busy)
    page.goto(address(busy) + "/statistics?by=account")
    canvas = page.locator("canvas[data-chart]")
    wait_until(lambda: has_green(canvas, "light"))

    page.emulate_media(color_scheme="dark")

    wait_until(lambda: has_green(canvas, "dark"))
    context.close()


def test_the_overview_refreshes_itself_and_keeps_what_is_open(browser: Browser, busy: Appliance) -> None:
    context = browser.new_context(reduced_motion="reduce")
    seen = visit(context)
    page = seen.page
    sign_in(page, busy)
    page.goto(address(busy) + "/")
    page.locator("#hours-table summary").click()
    page.locator("h1").click()  # somebody whose focus is in there is at work
    sent = page.locator("#hours-table td.number").nth(-3).inner_text()

    wait_for_status(busy, post(busy, "bob@example.com"), "sent")

    expect(page.locator("#hours-table td.number").nth(-3)).not_to_have_text(sent, timeout=15_000)
    expect(page.locator("#hours-table")).to_have_attribute("open", "")
    assert has_green(page.locator("#hours"), "light")
    assert seen.complaints == []
    context.close()


def test_figures_can_be_read_without_scripts(browser: Browser, busy: Appliance) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, busy)

    page.goto(address(busy) + "/")
    page.locator("#days-table summary").click()

    expect(page.locator("#days-table td.number").first).to_be_visible()
    expect(page.locator("canvas").first).to_be_hidden()
    context.close()


def test_a_preset_fills_the_form_and_keeps_what_was_typed(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.goto(address(shared) + "/accounts/new")
    page.get_by_label("Name", exact=True).fill("Shop")

    page.get_by_role("link", name="Gmail").click()

    expect(page.get_by_label("Server")).to_have_value("smtp.gmail.com")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Shop")
    expect(page.get_by_text("An app password of 16 letters")).to_be_visible()
    expect(page.get_by_role("link", name="The provider's page for it")).to_have_attribute(
        "href", "https://myaccount.google.com/apppasswords"
    )
    assert seen.complaints == []
    context.close()


def test_a_periodic_task_is_run_now_and_its_result_appears(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.goto(address(shared) + "/schedules")
    row = page.locator("tr", has_text="Remove old figures")

    row.get_by_text("Run now").click()
    row.get_by_role("button", name="Run it now").click()

    expect(page.get_by_text("The task is on its way")).to_be_visible()
    expect(row.get_by_text("Done")).to_be_visible(timeout=15_000)  # refreshed by itself
    row.get_by_role("link", name="The task in Flower").click()
    expect(page.get_by_text("prune_statistics").first).to_be_visible()
    assert seen.complaints == []
    context.close()
