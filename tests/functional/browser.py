"""A real browser for the tests: whatever it complains about, on its console or on the network, is noted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

from tests.functional.processes import Appliance
from tests.waiting import wait_until

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "correct horse battery"
ELSEWHERE = "box.test"
"""Leads to this machine by a name that a browser takes for another one: plain http from there gives fewer rights."""
PHONE = {"width": 390, "height": 844}


@dataclass
class Visit:
    """A page, and everything that the browser had to complain about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda line: self._note(line.type in ("error", "warning"), line.text))
        self.page.on("pageerror", lambda error: self._note(True, str(error)))
        self.page.on("requestfailed", lambda one: self._note(one.failure != "net::ERR_ABORTED", f"failed: {one.url}"))
        self.page.on("response", self._check)

    def _check(self, response: Response) -> None:
        self._note(response.status >= 400, f"{response.status}: {response.url}")

    def _note(self, bad: bool, text: str) -> None:
        if bad:
            self.complaints.append(f"{text} (on {self.page.url})")


@pytest.fixture(scope="module")  # not longer: Playwright keeps an asyncio loop running, and a thread has room for one
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--no-proxy-server",
                f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


def visit(context: BrowserContext) -> Visit:
    return Visit(context.new_page())


def address(appliance: Appliance) -> str:
    return f"http://localhost:{appliance.port}"


def setup_link(appliance: Appliance) -> str:
    found: list[str] = []

    def logged() -> bool:
        found[:] = re.findall(r"/setup\?token=[\w-]+", "\n".join(appliance.log_lines()))
        return bool(found)

    wait_until(logged, message="the log names no setup link")
    return found[-1]


def sign_in(page: Page, appliance: Appliance) -> None:
    page.goto(f"{address(appliance)}/sign-in")
    page.locator("[name=name]").fill("alice")  # by their names, which are the same in every language
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main form button.btn-primary").click()
    expect(page.locator("nav#menu")).to_be_attached()
