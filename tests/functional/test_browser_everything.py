"""Every page, in a real browser: accessible, no wider than the screen, small, in both languages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Response

from appliance.web.app import assemble
from tests.functional.browser import PHONE, address, browser, sign_in, visit
from tests.functional.mail import post, wait_for_status
from tests.functional.processes import Appliance

__all__ = ["browser"]  # a fixture

pytestmark = pytest.mark.browser

WIDE = {"width": 1280, "height": 800}
BUDGET = 300 * 1024
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}
NO_PAGES = re.compile(r"/(html|raw|export|count|download|csv|events|tail|eml|source|live|qr)\b|\.csv|/flower|/openapi")
"""Addresses that answer with a file, or with somebody else's page."""


@dataclass(frozen=True)
class Known:
    """Things to fill addresses with."""

    message: str
    template: str
    account: str


@pytest.fixture(scope="module")
def known(shared: Appliance) -> Known:
    message = post(shared, "everything@example.com", subject="Seen from all sides", html="<h1>Hello</h1><p>Ann</p>")
    wait_for_status(shared, message, "sent")
    template = {
        "slug": "seen",
        "name": "Seen",
        "subject": "Hello {{ name }}",
        "text": "Hi {{ name }}",
        "variables": [{"name": "name", "type": "string", "required": True, "example": "Ann"}],
    }
    token = shared.local_token()
    status, answer = shared.request("POST", "/api/v1/templates", token, template)
    assert status == 201, answer
    _, accounts = shared.request("GET", "/api/v1/accounts", token)
    return Known(message, "seen", accounts["items"][0]["id"])


@pytest.fixture(scope="module")
def paths(known: Known) -> list[str]:
    return sorted(_paths(assemble(), known))


def _paths(app: Flask, known: Known) -> Iterator[str]:
    values = {"message_id": known.message, "slug": known.template, "account_id": known.account}
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.endpoint.startswith("admin."):
            continue
        if rule.arguments <= set(values) and not NO_PAGES.search(rule.rule):
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match.group(1)], rule.rule)


@pytest.mark.parametrize(("colours", "screen"), [("light", WIDE), ("dark", PHONE)])
def test_every_page_can_be_used_by_everybody(
    browser: Browser, shared: Appliance, paths: list[str], colours: str, screen: dict[str, int]
) -> None:
    context = browser.new_context(viewport=screen, color_scheme=colours)  # type: ignore[arg-type]
    seen = visit(context)
    sign_in(seen.page, shared)
    found: list[str] = []
    for path in paths:
        seen.page.goto(address(shared) + path)
        found += [f"{path}: {one}" for one in _violations(seen.page)]
        if _too_wide(seen.page):
            found.append(f"{path}: wider than the screen")
    assert found == []
    assert seen.complaints == []
    context.close()


def test_every_page_is_there_in_chinese(browser: Browser, shared: Appliance, paths: list[str]) -> None:
    context = browser.new_context(locale="zh-CN", viewport=PHONE)  # type: ignore[arg-type]
    seen = visit(context)
    sign_in(seen.page, shared)
    for path in paths:
        seen.page.goto(address(shared) + path)
        assert seen.page.evaluate("document.documentElement.lang") == "zh-CN", path
        assert re.search(r"[\u4e00-\u9fff]", seen.page.locator("main").inner_text()), path  # a heading may be a name
        assert not _too_wide(seen.page), path
    assert seen.complaints == []
    context.close()


def test_a_first_visit_loads_little(browser: Browser, shared: Appliance, paths: list[str]) -> None:
    """On the way, compressed, with nothing kept from before."""
    for path in paths:
        context = browser.new_context()
        _sign_in_quietly(context, shared)
        sizes: list[int] = []
        page = context.new_page()
        page.on("response", lambda response, sizes=sizes: sizes.append(_size(response)))
        page.goto(address(shared) + path, wait_until="networkidle")
        assert 0 < sum(sizes) < BUDGET, path
        context.close()


def _sign_in_quietly(context: BrowserContext, appliance: Appliance) -> None:
    if not _cookies:
        page = context.new_page()
        sign_in(page, appliance)
        _cookies.extend(context.cookies())
        page.close()
    else:
        context.add_cookies(_cookies)  # type: ignore[arg-type]


_cookies: list[dict[str, object]] = []


def _size(response: Response) -> int:
    sizes = response.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


def _violations(page: Page) -> list[str]:
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
        for one in Axe().run(page, options=RULES).response["violations"]
    ]


def _too_wide(page: Page) -> bool:
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width > 0
