"""What goes wrong is told without what was secret in it: errors are provoked, then log and answers looked through."""

import io
import json
from collections.abc import Iterator

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from sqlalchemy import text

from appliance.bootstrap import Core
from appliance.config import logs
from appliance.config.log_settings import LogSettings
from tests.logging_state import logging_kept
from tests.smtp_sink import SmtpSink
from tests.web.api.letters import add_account, letter, send_all
from tests.web.conftest import PASSWORD, ApiClient, submit

SECRET = "correct-horse-battery-staple"
KEY = "pr_" + "Zm9yZ290dGVuLWtleQ" * 2
ADDRESS = "very.private.person@example.com"
LOCAL_PART = "very.private.person"
BODY = "the-diagnosis-is-confidential"


class Log:
    """What is logged, as a file would hold it."""

    def __init__(self, form: str) -> None:
        self.stream = io.StringIO()
        logs.configure(LogSettings(format=form, level="debug"), self.stream)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def require_clean(self, *further: str) -> None:
        assert self.text, "nothing was logged, so nothing was proven"
        for secret in (SECRET, KEY, LOCAL_PART, BODY, PASSWORD, *further):
            assert secret not in self.text, secret


@pytest.fixture(params=["text", "json"])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    with logging_kept():
        yield Log(request.param)


def test_a_request_that_breaks_is_logged_without_its_secrets(app: Flask, core: Core, log: Log) -> None:
    def broken(body: object = None) -> str:
        raise LookupError(f"no {sorted(request.get_json())[0]}")

    broken.__dict__.update(app.view_functions["api.messages.submit"].__dict__)
    broken.__dict__.pop("__wrapped__", None)
    app.view_functions["api.messages.submit"] = broken
    key = core.services.api_keys.create("acme", ["send"]).secret

    answer = app.test_client().post(
        "/api/v1/messages",
        json=letter(to=[ADDRESS], text=BODY),
        headers={
            "Authorization": f"Bearer {key}",
            "Cookie": f"postroom_session={SECRET}",
            "X-Api-Key": KEY,
            "Idempotency-Key": SECRET,
            "Referer": f"https://example.com/?token={SECRET}",
            "User-Agent": f"{SECRET} {ADDRESS}",
        },
    )

    assert answer.status_code == 500, answer.text
    assert "a request failed" in log.text
    assert "LookupError" in log.text
    log.require_clean(key)
    for secret in (SECRET, KEY, LOCAL_PART, BODY, key, "Traceback", "LookupError"):
        assert secret not in answer.text


def test_a_page_that_breaks_is_logged_without_its_address(app: Flask, alice: FlaskClient, log: Log) -> None:
    def broken() -> str:
        raise LookupError("out of luck")

    app.view_functions["admin.status.show"] = broken

    answer = alice.get(f"/?token={SECRET}&to={ADDRESS}&key={KEY}", headers={"Accept": "text/html"})

    assert answer.status_code == 500
    assert "out of luck" in log.text
    log.require_clean()
    assert "Traceback" not in answer.text
    assert "out of luck" not in answer.text


def test_a_row_that_cannot_be_written_is_not_shown(core: Core, api: ApiClient, log: Log) -> None:
    core.database.write(
        lambda session: session.execute(
            text("CREATE TRIGGER broken BEFORE INSERT ON sender_accounts BEGIN SELECT RAISE(ABORT, 'out of luck'); END")
        )
    )

    answer = api.post(
        "/api/v1/accounts",
        {
            "name": "Shop",
            "email": ADDRESS,
            "host": "smtp.example.com",
            "username": LOCAL_PART,
            "password": SECRET,
        },
    )

    assert answer.status_code == 500
    assert "out of luck" in log.text
    log.require_clean("gAAAAA")  # what every encrypted secret begins with
    assert SECRET not in answer.text


def test_a_message_that_cannot_be_written_is_not_shown(core: Core, api: ApiClient, log: Log) -> None:
    core.database.write(
        lambda session: session.execute(
            text("CREATE TRIGGER broken BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'out of luck'); END")
        )
    )

    answer = api.post("/api/v1/messages", letter(to=[ADDRESS], subject=SECRET, text=BODY))

    assert answer.status_code == 500
    log.require_clean()


@pytest.mark.parametrize(
    "fields",
    [
        {"password": SECRET, "port": SECRET},
        {"password": {"nested": SECRET}},
        {"password": SECRET, "nowhere": SECRET},
        {"username": "", "password": SECRET},
    ],
)
def test_a_field_that_is_refused_is_not_said_back(api: ApiClient, log: Log, fields: dict[str, object]) -> None:
    answer = api.post("/api/v1/accounts", {"name": "Shop", "email": "shop@example.com", "host": "h"} | fields)

    assert answer.status_code == 422
    assert SECRET not in answer.text.replace(json.dumps(fields.get("port", "")), "")
    assert SECRET not in log.text


def test_a_delivery_that_is_refused_is_logged_without_address_or_password(
    core: Core, api: ApiClient, sink: SmtpSink, log: Log
) -> None:
    add_account(api, sink, password=SECRET)
    api.post("/api/v1/messages", letter(to=[ADDRESS], text=BODY, subject="Hello"))

    send_all(core)

    log.require_clean()


def test_signing_in_is_logged_without_passwords(app: Flask, client: FlaskClient, alice: FlaskClient, log: Log) -> None:
    submit(client, "/sign-in", {"name": ADDRESS, "password": SECRET}, form_at="/sign-in")
    submit(client, "/sign-in", {"name": "alice", "password": SECRET}, form_at="/sign-in")
    submit(client, "/sign-in", {"name": "alice", "password": PASSWORD}, form_at="/sign-in")

    log.require_clean()


def test_wrong_keys_are_not_logged(client: FlaskClient, log: Log) -> None:
    for header in (f"Bearer {KEY}", f"Basic {KEY}", KEY, f"Bearer {SECRET}\u00ff"):
        client.get(f"/api/v1/messages?q={ADDRESS}&key={KEY}", headers={"Authorization": header})
        client.get("/metrics", headers={"Authorization": header})

    for secret in (KEY, SECRET, LOCAL_PART):
        assert secret not in log.text


def test_what_is_logged_of_an_error_says_nothing_of_keys_it_names(log: Log) -> None:
    import structlog  # noqa: PLC0415 - after `log` has set it up

    try:
        raise RuntimeError(f"cannot send Authorization: Bearer {KEY} of {KEY} to {ADDRESS}")
    except RuntimeError:
        structlog.get_logger("test").exception("it broke")

    log.require_clean()


def test_error_pages_name_no_version_of_anything(client: FlaskClient, api: ApiClient) -> None:
    for path in ("/nowhere", "/api/v1/nowhere", "/static/none", "/flower/"):
        answer = client.get(path, headers={"Accept": "text/html"})

        assert "Server" not in answer.headers
        for name in ("Werkzeug", "Flask", "Python/", "waitress", "SQLAlchemy"):
            assert name not in answer.text
