"""Makes the pictures in docs/images: `.venv/bin/python -m tests.functional.take_screenshots [DIRECTORY] [--all]`.

`--all` takes every page there is, whole, on a desk and on a phone, light and dark, in every language: to be looked at
before a release. A real appliance has something to show, and a real Chromium looks at it.
"""

import argparse
import itertools
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from appliance.web.app import assemble
from tests.functional import png
from tests.functional.browser import CHROMIUM, address, sign_in
from tests.functional.processes import CHECKOUT, Appliance, running
from tests.functional.story import ENVIRONMENT, Story, tell
from tests.smtp_sink import SmtpSink
from tests.webhook_receiver import WebhookReceiver

SCREENS: dict[str, ViewportSize] = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
Colours = Literal["light", "dark"]
COLOURS: tuple[Colours, ...] = ("light", "dark")
LANGUAGES = ("en", "zh-CN")
NO_PAGES = re.compile(r"^/mailbox/.+/source|/(html|raw|export|count|tail)\b|\.csv|/flower|/preview/")
"""Addresses that answer with a file, with a part of a page, or with somebody else's page."""
SIGN_IN = "/sign-in"
LARGEST = 150 * 1024


@dataclass(frozen=True)
class Picture:
    name: str
    path: str
    screen: str = "desk"
    colours: Colours = "light"
    language: str = "en"
    whole: bool = False
    """Of the whole page, also what one would scroll to."""


def main() -> None:
    options = _options()
    directory = Path(options.directory or CHECKOUT / "docs" / "images")
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())
        sink, receiver = stack.enter_context(SmtpSink()), stack.enter_context(WebhookReceiver())
        appliance = stack.enter_context(running(Path(place), ENVIRONMENT))
        story = tell(appliance, sink, receiver.url)
        browser = stack.enter_context(_chromium())
        _wait_for_alerts(browser, appliance)
        _take(browser, appliance, directory, list(_every(story) if options.all else _chosen(story)))
    if not options.all:
        _tell_of_large_ones(directory)


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"],
        )
        yield browser
        browser.close()


def _chosen(story: Story) -> Sequence[Picture]:
    """Those that the documentation shows."""
    compose = "/compose?to=ann@example.com&template=invoice&examples=1"
    return [
        Picture("status", "/"),
        Picture("status-phone", "/", "phone"),
        Picture("status-zh", "/", language="zh-CN"),
        Picture("messages", "/messages"),
        Picture("messages-phone", "/messages", "phone", "dark"),
        Picture("message", f"/messages/{story.message}"),
        Picture("compose", compose),
        Picture("template", "/templates/invoice/edit"),
        Picture("accounts", "/accounts"),
        Picture("statistics", "/statistics"),
        Picture("statistics-dark", "/statistics?by=account", colours="dark"),
        Picture("log", "/logs?component=services.delivery"),
    ]


def _every(story: Story) -> Iterator[Picture]:
    for path in sorted({SIGN_IN, *_paths(story)}):
        for screen, colours, language in itertools.product(SCREENS, COLOURS, LANGUAGES):
            name = f"{path.strip('/').replace('/', '-') or 'overview'}.{screen}.{colours}.{language}"
            yield Picture(name, path, screen, colours, language, whole=True)


def _paths(story: Story) -> Iterator[str]:
    values = story.values()
    for rule in assemble().url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or not rule.endpoint.startswith("admin."):
            continue
        if rule.arguments <= set(values) and not NO_PAGES.search(rule.rule):
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match.group(1)], rule.rule)


def _take(browser: Browser, appliance: Appliance, directory: Path, pictures: Sequence[Picture]) -> None:
    def looks(one: Picture) -> tuple[str, Colours, str]:
        return one.screen, one.colours, one.language

    for (screen, colours, language), some in itertools.groupby(sorted(pictures, key=looks), key=looks):
        context = browser.new_context(
            viewport=SCREENS[screen], color_scheme=colours, locale=language, reduced_motion="reduce"
        )
        page = context.new_page()
        wanted = list(some)
        _take_each(page, appliance, directory, [one for one in wanted if one.path == SIGN_IN])
        sign_in(page, appliance)
        _take_each(page, appliance, directory, [one for one in wanted if one.path != SIGN_IN])
        context.close()


def _take_each(page: Page, appliance: Appliance, directory: Path, pictures: Sequence[Picture]) -> None:
    for picture in pictures:
        page.goto(address(appliance) + picture.path)
        page.wait_for_load_state("networkidle")
        if picture.name == "template":
            page.locator("#made-subject", has_text="1041").wait_for()
        taken = page.screenshot(full_page=picture.whole)
        (directory / f"{picture.name}.png").write_bytes(taken if picture.whole else png.smaller(taken))
        print(f"{picture.name}.png", flush=True)


def _wait_for_alerts(browser: Browser, appliance: Appliance) -> None:
    """Until the trouble of the story has lasted long enough to be one."""
    page = browser.new_page()
    sign_in(page, appliance)
    for _ in range(60):
        page.goto(f"{address(appliance)}/alerts")
        if "Old relay" in page.locator("main").inner_text():
            break
        page.wait_for_timeout(1000)
    page.close()


def _tell_of_large_ones(directory: Path) -> None:
    for path in sorted(directory.glob("*.png")):
        if path.stat().st_size > LARGEST:
            print(f"{path.name} has {path.stat().st_size // 1024} KB", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Take pictures of the pages.")
    parser.add_argument("directory", nargs="?", help="docs/images unless given")
    parser.add_argument("--all", action="store_true", help="every page, on every screen, in all colours and languages")
    return parser.parse_args()


if __name__ == "__main__":
    main()
