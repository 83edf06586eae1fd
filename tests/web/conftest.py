"""The web application over a real database and the real use cases; only the running parts are played."""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.db.models import User
from appliance.health import Health, Status
from appliance.services.permission import Role
from appliance.web.admin import counting
from appliance.web.app import assemble, serve
from appliance.web.context import FlowerAccess, Telemetry, WebContext
from tests.smtp_sink import SmtpSink

PASSWORD = "a password of alice"


@dataclass
class Parts:
    """What the running parts would say of themselves; a test changes it."""

    health: list[Health] = field(
        default_factory=lambda: [
            Health(name, Status.RUNNING, since=utc_now())
            for name in ("worker", "monitor", "dispatcher", "errands", "scheduler", "http server")
        ]
    )
    next_runs: dict[str, datetime | None] = field(default_factory=dict)
    broker_queues: dict[str, int] = field(default_factory=dict)
    flower_port: int = 1
    flower_enabled: bool = True
    enqueued: list[str] = field(default_factory=list)


class ApiClient:
    """Sends an API key with every request."""

    def __init__(self, client: FlaskClient, secret: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {secret}"}

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._open("GET", path, options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self._open("POST", path, options | {"json": {} if json is None else json})

    def patch(self, path: str, json: Any, **options: Any) -> TestResponse:
        return self._open("PATCH", path, options | {"json": json})

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self._open("DELETE", path, options)

    def _open(self, method: str, path: str, options: dict[str, Any]) -> TestResponse:
        headers = self._headers | dict(options.pop("headers", {}))
        return self._client.open(path, method=method, headers=headers, **options)


MakeApi = Callable[..., ApiClient]
MakePerson = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def time_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a page would say that it still counts."""
    monkeypatch.setattr(counting, "PATIENCE", 5.0)


@pytest.fixture
def parts() -> Parts:
    return Parts(next_runs={"reset_email_daily_counts": utc_now()})


@pytest.fixture
def core(settings: Settings, migrated_file: Path) -> Iterator[Core]:
    data_dir = prepared_data_directory(settings)
    shutil.copy(migrated_file, data_dir.path / "postroom.db")  # migrating anew would take as long as most tests
    database = open_database(settings)
    try:
        yield build_core(settings, data_dir, database)
    finally:
        database.stop()


@pytest.fixture
def web_context(settings: Settings, core: Core, parts: Parts) -> WebContext:
    return WebContext(
        settings=settings,
        services=core.services,
        read=core.database.read_in_time,
        telemetry=Telemetry(
            health=lambda: parts.health,
            next_runs=lambda: parts.next_runs,
            broker_queues=lambda: parts.broker_queues,
            inspect=lambda what: {"asked": what},
            gauges=dict,
        ),
        enqueue_periodic=parts.enqueued.append,
        flower=FlowerAccess(parts.flower_enabled, lambda: parts.flower_port, "admin", "flower's password"),
        local_token=secrets.token_urlsafe(),
        session_key=secrets.token_urlsafe(),
        clock=utc_now,
        zone=ZoneInfo(settings.appliance.timezone),
        started_at=utc_now(),
    )


@pytest.fixture(scope="session")
def assembled() -> Flask:
    """Made once: so many routes take a quarter of a second."""
    return assemble()


@pytest.fixture
def app(assembled: Flask, web_context: WebContext) -> Iterator[Flask]:
    """It serves this test's appliance; what the test does to its views and settings is undone."""
    views, config = dict(assembled.view_functions), dict(assembled.config)
    serve(assembled, web_context)
    yield assembled
    assembled.view_functions.update(views)
    assembled.config.clear()
    assembled.config.update(config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody who is not signed in."""
    return app.test_client()


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Made once: hashing is slow on purpose."""
    return PasswordHasher().hash(PASSWORD)


@pytest.fixture
def alice(app: Flask, core: Core, password_hash: str) -> FlaskClient:
    """A browser in which alice, an administrator, is signed in."""
    return signed_in(app, core, "alice", Role.ADMINISTRATOR, password_hash)


@pytest.fixture
def make_person(app: Flask, core: Core, password_hash: str) -> MakePerson:
    """`make_person("bob", "operator")`: a browser in which that person is signed in. All have alice's password."""
    return partial(signed_in, app, core, password_hash=password_hash)


def signed_in(app: Flask, core: Core, name: str, role: str, password_hash: str) -> FlaskClient:
    user = User(id=f"usr_{name}", name=name, role=role, password_hash=password_hash, created_at=utc_now())
    core.database.write(lambda session: session.merge(user))
    token = core.services.sessions.begin(user.id, address="127.0.0.1", device="a test")
    browser = app.test_client()
    with browser.session_transaction() as session:
        session["_user_id"] = token
        session.permanent = True
    return browser


@pytest.fixture
def api(app: Flask, core: Core) -> ApiClient:
    """A program with an API key that may do everything."""
    made = core.services.api_keys.create("acme", ["send", "read", "manage"])
    return ApiClient(app.test_client(), made.secret)


@pytest.fixture
def make_api(app: Flask, core: Core) -> MakeApi:
    """`make_api("send", "read")`: a program with a key of its own."""

    def make(*scopes: str) -> ApiClient:
        return ApiClient(app.test_client(), core.services.api_keys.create("a program", scopes).secret)

    return make


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    """A real SMTP server that lets shop in."""
    with SmtpSink(users={"shop": "the secret of shop"}) as sink:
        yield sink


def sign_in(browser: FlaskClient, name: str, password: str, **fields: str) -> TestResponse:
    return submit(browser, "/sign-in", {"name": name, "password": password, **fields}, form_at="/sign-in")


def submit(browser: FlaskClient, path: str, fields: dict[str, Any], form_at: str = "/") -> TestResponse:
    """Posts a form as a browser does: with the token of the page that it stands on."""
    page = browser.get(form_at).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    return browser.post(path, data={**fields, "csrf_token": token}, headers={"Accept": "text/html"})


def filled_in(browser: FlaskClient, path: str, fields: dict[str, str]) -> dict[str, str]:
    """The form that stands there, as a browser sends it: with the tokens of the page, so that it can be sent twice."""
    hidden = re.findall(r'<input type="hidden" name="(csrf_token|once)" value="([^"]*)"', browser.get(path).text)
    return dict(hidden) | fields
