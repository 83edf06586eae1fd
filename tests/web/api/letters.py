"""Messages for tests: valid unless a test says otherwise."""

from typing import Any

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
