"""How to bring about each error of the API, over the whole application: what a client, a fault or a full disk does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.config.settings import Settings
from appliance.db.models.message_removal import remove_bodies
from appliance.services.key_limits import KeyLimits
from appliance.tasks.inspection import inspect
from appliance.web.context import WebContext
from tests.task_services import RecordingServices, app_with
from tests.web.api.letters import MESSAGES, letter, post
from tests.web.conftest import ApiClient, MakeApi

SLOW_ACCOUNTS = (
    "ALTER TABLE sender_accounts RENAME TO few_accounts",
    """CREATE VIEW sender_accounts AS
       WITH RECURSIVE counting (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < 1000000000)
       SELECT few_accounts.* FROM few_accounts, (SELECT max(n) AS most FROM counting) WHERE most > 1""",
)
NOWHERE = "redis://127.0.0.1:1/0"  # nobody listens on port 1


@dataclass(frozen=True)
class Setting:
    app: Flask
    core: Core
    settings: Settings
    api: ApiClient
    make_api: MakeApi


Provoke = Callable[[Setting], TestResponse]


def invalid_json(there: Setting) -> TestResponse:
    return there.api._open("POST", MESSAGES, {"data": b'{"to": [', "content_type": "application/json"})


def bad_request(there: Setting) -> TestResponse:
    """A program fills in a form for people, and has not read the page with its token before."""
    return there.app.test_client().post("/sign-in", data={"name": "alice"})


def unauthenticated(there: Setting) -> TestResponse:
    return there.app.test_client().get(MESSAGES)


def forbidden(there: Setting) -> TestResponse:
    return there.make_api("read").post(MESSAGES, letter())


def not_found(there: Setting) -> TestResponse:
    return there.api.get(f"{MESSAGES}/msg_none")


def method_not_allowed(there: Setting) -> TestResponse:
    return there.api.delete(MESSAGES)


def wrong_state(there: Setting) -> TestResponse:
    return there.api.post(f"{MESSAGES}/{post(there.api)}/retry")


def conflict(there: Setting) -> TestResponse:
    there.api.post("/api/v1/templates", _template())
    return there.api.post("/api/v1/templates", _template())


def idempotency_key_reused(there: Setting) -> TestResponse:
    headers = {"Idempotency-Key": "monday"}
    there.api.post(MESSAGES, letter(), headers=headers)
    return there.api.post(MESSAGES, letter(subject="Other"), headers=headers)


def request_too_large(there: Setting) -> TestResponse:
    there.app.config["MAX_CONTENT_LENGTH"] = 1000  # 30 MB would take long
    return there.api.post(MESSAGES, letter(text="x" * 1000))


def unsupported_media_type(there: Setting) -> TestResponse:
    return there.api._open("POST", MESSAGES, {"data": "to=ann@example.com"})


def invalid_fields(there: Setting) -> TestResponse:
    return there.api.post(MESSAGES, letter(to=["ann"]))


def internal_error(there: Setting) -> TestResponse:
    """Somebody has changed a row by hand, in a way that nothing here ever does."""
    there.api.post("/api/v1/templates", _template())
    there.core.database.write(lambda session: session.execute(text("UPDATE template_versions SET variables = '[7]'")))
    return there.api.post("/api/v1/templates/hello/preview")


def storage_unavailable(there: Setting) -> TestResponse:
    """The database may not grow: SQLite then says what it says on a full disk."""
    there.core.database.write(lambda session: session.execute(text("PRAGMA max_page_count = 1")))
    return there.api.post(MESSAGES, letter(text="x" * 1_000_000))


def disk_full(there: Setting) -> TestResponse:
    """No disk has as much free as this floor wants."""
    there.core.services.capacity._floor = 1 << 62
    return there.api.post(MESSAGES, letter())


def queue_full(there: Setting) -> TestResponse:
    there.core.services.capacity._limit = 1
    there.api.post(MESSAGES, letter())
    return there.api.post(MESSAGES, letter())


def temporarily_unavailable(there: Setting) -> TestResponse:
    celery = app_with(there.settings, RecordingServices(), NOWHERE)
    context: WebContext = there.app.extensions["postroom"]
    asks = replace(context.telemetry, inspect=lambda what: inspect(celery, what))
    there.app.extensions["postroom"] = replace(context, telemetry=asks)
    return there.api.get("/api/v1/system/inspect/ping")


def not_allowed(there: Setting) -> TestResponse:
    return _with(there, KeyLimits(allowed_from=("shop@example.com",))).post(
        MESSAGES, letter(**{"from": "ann@example.com"})
    )


def rate_limited(there: Setting) -> TestResponse:
    hasty = _with(there, KeyLimits(requests_per_minute=1))
    hasty.get(MESSAGES)
    return hasty.get(MESSAGES)


def quota_used_up(there: Setting) -> TestResponse:
    eager = _with(there, KeyLimits(daily_limit=1))
    eager.post(MESSAGES, letter())
    return eager.post(MESSAGES, letter())


def too_many_failures(there: Setting) -> TestResponse:
    guesser = there.app.test_client()
    for number in range(there.settings.limits.failed_keys_per_minute):
        guesser.get(MESSAGES, headers={"Authorization": f"Bearer guess-{number}"})
    return guesser.get(MESSAGES, headers={"Authorization": "Bearer last-guess"})


def content_removed(there: Setting) -> TestResponse:
    """The message was cancelled so long ago that its body is no longer kept."""
    message = post(there.api)
    there.api.post(f"{MESSAGES}/{message}/cancel")
    there.core.database.write(lambda session: remove_bodies(session, [message], now=utc_now()))
    return there.api.get(f"{MESSAGES}/{message}/raw")


def query_too_slow(there: Setting) -> TestResponse:
    """The accounts are as many as would take minutes to look through: each is counted a thousand million times."""
    for statement in SLOW_ACCOUNTS:
        there.core.database.write(partial(_execute, statement))
    return there.api.get("/api/v1/accounts")


def _execute(statement: str, session: Session) -> None:
    session.execute(text(statement))


def _with(there: Setting, limits: KeyLimits) -> ApiClient:
    secret = there.core.services.api_keys.create("bound", ["send", "read"], limits=limits).secret
    return ApiClient(there.app.test_client(), secret)


def _template() -> dict[str, Any]:
    return {"slug": "hello", "name": "Hello", "subject": "Hello", "text": "Hello."}


PROVOKED: dict[str, Provoke] = {
    one.__name__: one
    for one in (
        *(invalid_json, bad_request, unauthenticated, forbidden, not_found, method_not_allowed, wrong_state, conflict),
        *(idempotency_key_reused, request_too_large, unsupported_media_type, invalid_fields, internal_error),
        *(storage_unavailable, temporarily_unavailable, not_allowed, rate_limited, quota_used_up, too_many_failures),
        *(content_removed, query_too_slow, disk_full, queue_full),
    )
}
