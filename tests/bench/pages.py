"""Measures the pages for people: `.venv/bin/python -m tests.bench.pages` (`--help` has the options).

Fills a database with messages and the figures of a month, starts the real appliance on it with a server so slow that
the backlog stays, signs in, and asks for every page that it can find: those without arguments, and one of each kind
that these lead to. The first load of a page is it and all that it includes, compressed where the appliance does that.
"""

import argparse
import os
import random
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from werkzeug.exceptions import HTTPException

from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.migrations import migrate
from appliance.db.models import Rollup
from appliance.db.models.base import insert_rows
from appliance.db.models.rollup import COUNTERS, EVERYBODY, KEY, NONE, TIMES, Dimension, Unit
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.web.app import assemble
from tests.bench.filling import TAGS, Filling, fill
from tests.bench.load import Load
from tests.functional.mail import post, wait_for_status
from tests.functional.processes import Appliance, listening, running

SLOW_SERVER_MS = 250_000.0  # an answer later than any of these measurements takes: the backlog stays
ENVIRONMENT = {
    "LOG_LEVEL": "warning",
    "WEBHOOKS_ALLOW_HTTP": "true",
    "WEBHOOKS_ALLOW_NETWORKS": "127.0.0.0/8",
}
FLOOR_MS, BUDGET_KB = 100, 300
SLUG = "welcome"
"""Of the template that one can look at: those which fill the database have no versions."""
ALSO = (
    "/messages?status=failed",
    "/messages?q=invoice",
    "/messages?recipient=%40gmail.com",
    "/messages?tag=tag-3&status=sent",
    "/statistics?by=hour",
    "/statistics?by=account",
)
"""What people ask of a page as often as they look at it."""
LINK = re.compile(r'(?:href|src)="(/[^"#]*)"')
INCLUDED = re.compile(r'<(?:link[^>]+rel="(?:stylesheet|icon)"[^>]*|script[^>]*|img[^>]*)>')
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def main() -> None:
    options = _options()
    with (
        tempfile.TemporaryDirectory(dir=options.directory) as directory,
        listening(Path(directory), SLOW_SERVER_MS) as sink,
    ):
        place = Path(directory)
        _fill(place, options.messages, options.queued, sink.port)
        with running(place, ENVIRONMENT) as appliance:
            _add_one_of_each(appliance)
            visitor = Visitor(appliance.port)
            visitor.sign_in()
            pages = Pages(visitor, appliance)
            _row("load of the machine, the last minute", f"{os.getloadavg()[0]:.1f}", "the clock says little above 1")
            for path in pages.find():
                pages.measure(path, options.requests)
            pages.tell_what_was_included()


@dataclass(frozen=True)
class Answer:
    status: int
    kind: str
    body: bytes
    size: int
    """Of the body, as it came: compressed, if it was."""
    seconds: float

    @property
    def is_page(self) -> bool:
        return self.status == 200 and self.kind.startswith("text/html")


class Visitor:
    """A browser that keeps one connection and its cookies, and takes everything compressed."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("localhost", port, timeout=120)
        self._cookies: dict[str, str] = {}

    def sign_in(self) -> None:
        token = TOKEN.search(self.get("/sign-in").body.decode())
        assert token is not None
        form = {"csrf_token": token.group(1), "name": "alice", "password": "correct horse battery", "next": ""}
        answer = self._ask("POST", "/sign-in", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == 302, answer

    def get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {"Accept-Encoding": "gzip", "Accept": "text/html", "Cookie": cookies} | (headers or {})
        began = time.perf_counter()
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - began
        for line in response.headers.get_all("Set-Cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return Answer(response.status, response.headers.get("Content-Type", ""), content, len(content), seconds)


class Pages:
    def __init__(self, visitor: Visitor, appliance: Appliance) -> None:
        self._visitor = visitor
        self._appliance = appliance
        self._rules = assemble().url_map
        self._included: dict[str, int] = {}

    def find(self) -> list[str]:
        """One address of every page of the admin's that links lead to, and what `ALSO` asks of them."""
        found = {
            rule.endpoint: rule.rule.replace("<slug>", SLUG)
            for rule in self._rules.iter_rules()
            if self._is_of_the_admin(rule.endpoint)
            and "GET" in (rule.methods or ())
            and set(rule.arguments) <= {"slug"}
        }
        looked: set[str] = set()
        while waiting := [path for path in found.values() if path not in looked]:
            for path in waiting:
                looked.add(path)
                for endpoint, linked in self._links(path):
                    found.setdefault(endpoint, linked)
        _row("pages without an address to ask for", ", ".join(self._missing(found)), "")
        return sorted([*found.values(), *ALSO])

    def measure(self, path: str, requests: int) -> None:
        """Files are asked for once: they are as long as what they hold."""
        first = self._visitor.get(path)
        if not first.is_page:
            kind = first.kind.partition(";")[0]
            _row(f"{path}", f"{first.status} {kind}, {first.size / 1024:.0f} KB, {first.seconds * 1000:.0f} ms", "")
            return
        cpu = self._appliance.cpu_seconds()
        load = Load(0, [self._visitor.get(path).seconds for _ in range(requests)], 0)
        cpu = (self._appliance.cpu_seconds() - cpu) / requests * 1000
        p50, p95, longest = (load.percentile(share) * 1000 for share in (0.5, 0.95, 1.0))
        kilobytes, files = self._first_load(first)
        over = "OVER " if p95 > FLOOR_MS or kilobytes > BUDGET_KB else ""
        figure = (
            f"p50 {p50:5.1f}  p95 {p95:5.1f}  max {longest:5.1f}  cpu {cpu:5.1f} ms  {kilobytes:4.0f} KB in {files}"
        )
        _row(path, figure, f"{over}<= {FLOOR_MS} ms, {BUDGET_KB} KB")

    def tell_what_was_included(self) -> None:
        for path, size in sorted(self._included.items(), key=lambda one: -one[1]):
            _row(f"included: {path}", f"{size / 1024:.1f} KB", "")

    def _first_load(self, page: Answer) -> tuple[float, int]:
        """Kilobytes and files of a visit with nothing kept from before, without what frames in the page show."""
        included = set(self._includes(page.body.decode()))
        for path in included - set(self._included):
            self._included[path] = self._visitor.get(path).size
        return (page.size + sum(self._included[path] for path in included)) / 1024, len(included) + 1

    @staticmethod
    def _includes(page: str) -> Iterator[str]:
        for tag in INCLUDED.findall(page):
            yield from (unescape(path) for path in LINK.findall(tag))

    def _links(self, path: str) -> Iterator[tuple[str, str]]:
        answer = self._visitor.get(path)
        if answer.is_page:
            for link in LINK.findall(answer.body.decode()):
                target = unescape(link)
                endpoint = self._endpoint(target)
                if self._is_of_the_admin(endpoint):
                    yield endpoint, target

    def _endpoint(self, path: str) -> str:
        try:
            return str(self._rules.bind("localhost").match(urlsplit(path).path)[0])
        except HTTPException:
            return ""

    @staticmethod
    def _is_of_the_admin(endpoint: str) -> bool:
        return endpoint.startswith("admin.") and not endpoint.startswith("admin.flower")

    def _missing(self, found: dict[str, str]) -> list[str]:
        """Previews of what is being written, mostly: nothing leads to them but a form."""
        endpoints = {rule.endpoint for rule in self._rules.iter_rules() if "GET" in (rule.methods or ())}
        return sorted(one for one in endpoints - set(found) if self._is_of_the_admin(one))


def _fill(place: Path, messages: int, queued: int, port: int) -> None:
    (place / "var").mkdir()
    url = f"sqlite:///{place / 'var' / 'postroom.db'}"
    began = time.perf_counter()
    database = Database(url, DatabaseSettings())
    migrate(database.engine)
    database.engine.dispose()
    filled = fill(url, messages, queued, port=port)
    database.start()
    _fill_figures(database, filled)
    database.stop()
    _row(f"filled with {messages:,} messages, {queued:,} of them queued", f"{time.perf_counter() - began:.0f} s", "")


def _fill_figures(database: Database, filled: Filling) -> None:
    """Of two months, of the last 31 days, of three of them by hours; every account, template, tag and key has some."""
    chance, now, zone = random.Random(1), datetime.now(UTC), ZoneInfo("UTC")
    values = {
        Dimension.TOTAL: [NONE],
        Dimension.ACCOUNT: filled.accounts,
        Dimension.TEMPLATE: filled.templates,
        Dimension.TAG: TAGS,
    }
    ends = [(Unit.DAY, now - timedelta(days=back)) for back in range(31)]
    ends += [(Unit.HOUR, now - timedelta(hours=back)) for back in range(72)]
    ends += [(Unit.MONTH, now), (Unit.MONTH, now - timedelta(days=now.day))]
    for unit, end in ends:
        period = unit.period(end, zone)
        keys = [
            (unit, scope, one, period, value)
            for scope in (EVERYBODY, *filled.keys)
            for one in Dimension
            for value in values[one]
        ]
        figures = {name: chance.randint(0, 90) for name in COUNTERS} | {name: chance.randint(0, 9) for name in TIMES}
        rows = [figures | dict(zip(KEY, key, strict=True)) for key in keys]
        database.write(lambda session, rows=rows: insert_rows(session, Rollup, *rows))  # type: ignore[misc]


def _add_one_of_each(appliance: Appliance) -> None:
    """So that there is a page to look at of everything that messages alone do not make."""
    variables = [{"name": "name", "type": "string", "required": True, "example": "Ann"}]
    template = {
        "name": "Welcome",
        "subject": "Hello {{ name }}",
        "html": "<p>Hi {{ name }}</p>",
        "variables": variables,
    }
    _call(appliance, "POST", "templates", {"slug": SLUG, **template})
    _call(appliance, "PUT", f"templates/{SLUG}", {**template, "html": "<p>Welcome, {{ name }}</p>"})
    _call(appliance, "POST", "keys", {"name": "Shop", "scopes": ["send"]})
    _call(appliance, "POST", "webhooks", {"url": "http://127.0.0.1:9/hooks", "events": ["*"]})
    _call(appliance, "POST", "suppressions", {"address": "gone@example.com"})
    file = {"filename": "terms.txt", "content": "aGVsbG8="}
    kept = post(appliance, account=BUILT_IN_MAILBOX_ID, html="<h1>Hello</h1>", attachments=[file], priority="high")
    wait_for_status(appliance, kept, "sent", timeout=60)


def _call(appliance: Appliance, method: str, path: str, body: object) -> None:
    status, answer = appliance.request(method, f"/api/v1/{path}", appliance.local_token(), body)
    assert status in (200, 201), answer


def _row(name: str, figure: str, floor: str) -> None:
    print(f"{name:60} {figure:70} {floor}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the pages for people.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--queued", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=30, help="for each page")
    parser.add_argument(
        "--directory", help="where there is room for the database; the usual temporary one unless given"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
