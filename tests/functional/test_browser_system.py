"""A person looks after the box in a real browser: follows its log, makes a backup and takes it away."""

import pytest
from playwright.sync_api import Browser, expect

from tests.functional.browser import address, browser, sign_in, visit
from tests.functional.processes import Appliance

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser


def test_a_backup_is_made_seen_in_the_log_and_taken_away(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    log, seen = visit(context), visit(context)
    sign_in(seen.page, shared)
    log.page.goto(f"{address(shared)}/logs?q=backup+made")
    made = log.page.locator("#lines tbody tr").count()

    seen.page.goto(f"{address(shared)}/backups")
    kept = seen.page.locator("#live tbody tr").count()
    seen.page.get_by_role("button", name="Back up now").click()
    expect(seen.page.locator("#live tbody tr")).to_have_count(kept + 1, timeout=30_000)  # by itself
    expect(log.page.locator("#lines tbody tr")).to_have_count(made + 1)  # by itself as well

    seen.page.get_by_role("button", name="Download").first.click()
    with seen.page.expect_download() as download:
        seen.page.get_by_role("button", name="Download it").first.click()
    assert download.value.suggested_filename.startswith("postroom-")
    assert download.value.path().stat().st_size > 1000
    assert seen.complaints + log.complaints == []
    context.close()


def test_the_log_stands_still_when_it_is_told_to(browser: Browser, shared: Appliance) -> None:
    context = browser.new_context()
    seen = visit(context)
    page = seen.page
    sign_in(page, shared)
    page.clock.install()
    page.goto(f"{address(shared)}/logs")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/logs/tail" in request.url else None)

    page.get_by_role("button", name="Stop following").click()
    page.wait_for_load_state("networkidle")
    asked.clear()
    page.clock.run_for(60_000)
    assert asked == []

    page.get_by_role("button", name="Follow", exact=True).click()
    with page.expect_response("**/logs/tail**"):
        page.clock.run_for(3_000)
    assert seen.complaints == []
    context.close()
