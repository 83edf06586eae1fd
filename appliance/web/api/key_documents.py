"""The shapes of answers about API keys, and an example of each."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from appliance.db.models.api_key import KeyState
from appliance.web.api.documents import Document, Moment

Scope = Literal["send", "read", "manage"]


class LimitsInForce(Document):
    """Those of the key, or else those of the configuration; null: no limit."""

    requests_per_minute: int | None
    daily_limit: int | None


class KeyDocument(Document):
    id: str
    name: str
    state: KeyState
    scopes: list[Scope]
    active: bool
    requests_per_minute: int | None = Field(description="null: what [limits] key_requests_per_minute says.")
    daily_limit: int | None = Field(description="Messages a calendar day; null: what [limits] key_daily_messages says.")
    allowed_accounts: list[str] = Field(description="Ids of sender accounts; empty: all of them.")
    allowed_from: list[str] = Field(description="Addresses, @domain, or @*.domain for what is below; empty: any.")
    in_force: LimitsInForce
    used_today: int | None = Field(description="Messages accepted today; null: not counted, for there is no limit.")
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None
    last_used_at: Moment | None = Field(description="To the second; a crash may lose the last half minute.")


class NewKey(KeyDocument):
    secret: str = Field(description="The key itself, for Authorization: Bearer. It is shown here and never again.")


class KeyPage(Document):
    items: list[KeyDocument]
    next_cursor: str | None


class Left(Document):
    limit: int
    remaining: int
    reset_seconds: int = Field(description="Until all of `limit` is there again.")


class OwnKey(Document):
    id: str
    name: str
    scopes: list[Scope]
    allowed_accounts: list[str]
    allowed_from: list[str]
    requests: Left | None = Field(description="A minute, as in the headers RateLimit-*; null: no limit.")
    messages: Left | None = Field(description="A day, as in the headers Quota-*; null: no limit.")
    expires_at: Moment | None


_KEY: Mapping[str, Any] = {
    "id": "key_01kd4x2c4m6n8p1q3r5s7t9v2w",
    "name": "shop",
    "state": "active",
    "scopes": ["send", "read"],
    "active": True,
    "requests_per_minute": 600,
    "daily_limit": 5000,
    "allowed_accounts": ["acc_01kd4x0a7e5h3j9k1m6n8p2q4r"],
    "allowed_from": ["shop@example.com", "@news.example.com"],
    "in_force": {"requests_per_minute": 600, "daily_limit": 5000},
    "used_today": 1041,
    "created_at": "2026-11-24T08:00:00.000Z",
    "expires_at": "2027-11-24T08:00:00.000Z",
    "revoked_at": None,
    "last_used_at": "2026-11-24T08:00:00.000Z",
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "KeyDocument": _KEY,
    "NewKey": {**_KEY, "used_today": 0, "last_used_at": None, "secret": "pr_shown-once-and-never-again"},
    "KeyPage": {"items": [_KEY], "next_cursor": None},
    "OwnKey": {
        "id": _KEY["id"],
        "name": _KEY["name"],
        "scopes": _KEY["scopes"],
        "allowed_accounts": _KEY["allowed_accounts"],
        "allowed_from": _KEY["allowed_from"],
        "requests": {"limit": 600, "remaining": 588, "reset_seconds": 2},
        "messages": {"limit": 5000, "remaining": 3959, "reset_seconds": 57600},
        "expires_at": _KEY["expires_at"],
    },
}
