"""Messages for tests: valid unless a test says otherwise."""

from typing import Any

from appliance.bootstrap import Core
from tests.smtp_sink import SmtpSink
from tests.web.conftest import ApiClient

MESSAGES = "/api/v1/messages"


def letter(**fields: Any) -> dict[str, Any]:
    return {"to": ["ann@example.com"], "subject": "Hello", "text": "Hello Ann."} | fields


def post(api: ApiClient, **fields: Any) -> str:
    """Submits a letter; its id."""
    answer = api.post(MESSAGES, letter(**fields))
    assert answer.status_code == 202, answer.text
    return str(answer.get_json()["id"])


def ids(api: ApiClient, query: str = "") -> list[str]:
    """What a list shows, in its order."""
    answer = api.get(f"{MESSAGES}?{query}")
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.get_json()["items"]]


def send_all(core: Core) -> None:
    """What dispatcher and worker do, once."""
    while claims := core.outbox.claim(4, 4).claims:
        for claim in claims:
            core.services.delivery.deliver(claim.message_ids, claim.id)


def add_account(api: ApiClient, sink: SmtpSink, **fields: Any) -> str:
    """Of a server that wants the login of shop; its id."""
    account = {
        "name": "Shop",
        "email": "shop@example.com",
        "host": "127.0.0.1",
        "port": sink.port,
        "security": "none",
        "username": "shop",
        "password": "the secret of shop",
    }
    answer = api.post("/api/v1/accounts", account | fields)
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["id"])
