"""No page says something of its own in English to somebody who reads Chinese.

What people and servers say is Chinese here, so whatever English is left was said by the program.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.log_ring import LogRing
from appliance.config.settings import ScheduleSettings
from appliance.health import Health, Status
from appliance.services.permission import Role
from appliance.web.api.error_codes import ERROR_CODES
from appliance.web.context import WebContext
from tests.web.admin.chinese_story import SAID, Ids, tell
from tests.web.admin.visible_text import english
from tests.web.conftest import MakePerson, Parts, submit

ALLOWED = {
    "Server API token": "what Postmark calls it",
    "Dar es Salaam": "a time zone",
    "Ho Chi Minh": "a time zone",
    "Isle of Man": "a time zone",
    "Port of Spain": "a time zone",
}
"""What may stand there in English, and why. Code, what a server said and what is marked as English is not looked at."""
ENGLISH_PAGES = {"/api/docs": "what the API is called by programs, as in its specification"}
PAGES = ("admin.", "error_docs.", "sign_in.", "setup.")
NO_PAGES = re.compile(
    r"^/flower/|^/(?:compose/preview|templates/-/html|welcome/account/trials)/|/attachments/|/sessions/"
)
"""Somebody else's page, or addresses whose arguments are known to one form alone."""
MOVES_ON = re.compile(r"/(sign-out|end-all|language|password|empty|delete|remove|test)$|/backups/")
"""What would end the walk, or what is done to nothing."""
NONSENSE = {
    "name": "\x07",
    "email": "nobody",
    "to": "nobody",
    "address": "no body",
    "subject": "",
    "host": "no host",
    "port": "70000",
    "security": "much",
    "transport": "pigeon",
    "priority": "high up",
    "daily_limit": "-1",
    "requests_per_minute": "many",
    "last_day": "yesterday",
    "allowed_from": "nobody",
    "days": "0",
    "send_at": "soon",
    "expires_at": "later",
    "slug": "Not A Slug",
    "text": "{{ nobody }}",
    "html": "{{",
    "url": "ftp://nowhere",
    "role": "king",
    "password": "1",
    "new": "1",
    "current": "2",
    "code": "000",
    "timezone": "Nowhere",
    "public_url": "nowhere",
    "waiting": "what",
    "account": "acc_none",
    "reason": "x" * 501,
}
COMPONENTS = {
    "worker": Status.FAILED,
    "monitor": Status.FAILED,
    "dispatcher": Status.STARTING,
    "errands": Status.STOPPING,
    "scheduler": Status.STOPPED,
    "http server": Status.RUNNING,
}


@pytest.fixture
def web_context(web_context: WebContext, parts: Parts) -> WebContext:
    ring = LogRing()
    line = {"timestamp": "2026-03-10T12:00:00+00:00", "level": "error", "logger": "appliance.x", "event": SAID}
    ring.add({**line, "request_id": "req_1", "exception": SAID})
    parts.health = [Health(name, status, SAID, since=utc_now()) for name, status in COMPONENTS.items()]
    parts.next_runs = dict.fromkeys(ScheduleSettings.model_fields, utc_now())
    telemetry = replace(web_context.telemetry, logs=ring.recent, log_components=ring.components)
    return replace(web_context, telemetry=telemetry)


@pytest.fixture
def story(core: Core) -> Ids:
    return {**tell(core), "code": list(ERROR_CODES), "key": list(ScheduleSettings.model_fields), "name": ["none"]}


def chinese(browser: FlaskClient) -> FlaskClient:
    """As a browser is that asks for it."""
    browser.environ_base |= {"HTTP_ACCEPT_LANGUAGE": "zh-CN", "HTTP_ACCEPT": "text/html"}
    return browser


def addresses(app: Flask, method: str, known: Ids) -> Iterator[str]:
    """Every page, of each thing that there is; a part of a page, or a form, of the first one."""
    for rule in app.url_map.iter_rules():
        if method not in (rule.methods or ()) or not rule.endpoint.startswith(PAGES) or NO_PAGES.search(rule.rule):
            continue
        names = sorted(rule.arguments)
        alone = method == "GET" and rule.rule.endswith(">")
        for chosen in product(*(known[name] if alone else known[name][:1] for name in names)):
            yield _filled_in(rule.rule, dict(zip(names, chosen, strict=True)))


def _filled_in(rule: str, values: Mapping[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], rule)


def left(path: str, answer: TestResponse) -> list[str]:
    """What is English on a page, each with where."""
    if answer.mimetype != "text/html" or path in ENGLISH_PAGES:
        return []
    assert 'lang="zh-CN"' in answer.text or "<nav" not in answer.text, path
    return [f"{path}: {words}" for words in sorted(english(answer.text)) if words not in ALLOWED]


def test_no_page_is_left_in_english(app: Flask, alice: FlaskClient, story: Ids) -> None:
    browser, found, seen = chinese(alice), list[str](), 0
    for path in addresses(app, "GET", story):
        answer = browser.get(path)
        assert answer.status_code < 500, path
        seen += answer.status_code == 200
        found += left(path, answer)

    assert not found, "\n".join(found)
    assert seen > 150


@pytest.mark.parametrize("fields", [{}, NONSENSE], ids=["empty", "nonsense"])
def test_what_a_form_has_to_say_is_not_in_english(
    app: Flask, alice: FlaskClient, story: Ids, fields: dict[str, str]
) -> None:
    browser, found = chinese(alice), list[str]()
    for path in addresses(app, "POST", story):
        if MOVES_ON.search(path):
            continue
        answer = submit(browser, path, fields, form_at="/welcome/key")
        assert answer.status_code < 500, path
        if answer.status_code in (302, 303):
            answer = browser.get(answer.headers["Location"])
        found += left(path, answer)

    assert not found, "\n".join(found)


def test_who_is_not_signed_in_reads_no_english(app: Flask, client: FlaskClient) -> None:
    browser = chinese(client)
    found = [one for path in ("/setup", "/setup?token=wrong") for one in left(path, browser.get(path))]

    assert not found, "\n".join(found)


def test_neither_does_who_signs_in(app: Flask, client: FlaskClient, make_person: MakePerson) -> None:
    make_person("bob", Role.VIEWER)
    browser = chinese(client)
    found = left("/sign-in", browser.get("/sign-in"))
    found += left("/sign-in", submit(browser, "/sign-in", {"name": "bob", "password": "wrong"}, form_at="/sign-in"))

    assert not found, "\n".join(found)


def test_errors_are_not_told_in_english(client: FlaskClient, make_person: MakePerson) -> None:
    browser = chinese(make_person("bob", Role.VIEWER))
    answers = {
        "404": browser.get("/nowhere"),
        "404 of a thing": browser.get("/messages/msg_none"),
        "405": browser.get("/box/pause"),
        "stale": browser.post("/suppressions"),
        "403": browser.get("/users"),
        "403 of a form": submit(browser, "/box/pause", {}, form_at="/profile"),
    }

    assert [answer.status_code for answer in answers.values()] == [404, 404, 405, 400, 403, 403]
    assert [one for name, answer in answers.items() for one in left(name, answer)] == []


def test_it_is_seen_when_a_page_is_left_in_english() -> None:
    page = '<p title="你好">你好 <b>Three words here</b><code>not in a code</code><i lang="en">nor in this one</i></p>'
    assert english(page) == {"Three words here"}
    assert english('<img alt="An image of it">你好<input data-off="Follow it again">') == {
        "An image of it",
        "Follow it again",
    }
