"""The shapes of requests about API keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from appliance.services.key_form import LARGEST, LONGEST_NAME, MOST_ENTRIES, KeyForm
from appliance.services.key_limits import KeyLimits
from appliance.web.api.schemas import Instant, Request, Text

Scopes = Annotated[list[Literal["send", "read", "manage"]], Field(min_length=1, max_length=3)]
Number = Annotated[StrictInt, Field(ge=1, le=LARGEST)]
Accounts = Annotated[
    list[Annotated[Text, Field(max_length=40)]],
    Field(max_length=MOST_ENTRIES, description="Ids of sender accounts that its messages may use; empty: all."),
]
Senders = Annotated[
    list[Annotated[Text, Field(max_length=320)]],
    Field(
        max_length=MOST_ENTRIES,
        description="Addresses that its messages may be from: shop@example.com, @example.com for everybody there, or "
        "@*.example.com for everybody at a domain below; empty: any. Messages without `from` take the only address.",
    ),
]


class KeyRequest(Request):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "shop",
                "scopes": ["send", "read"],
                "daily_limit": 5000,
                "requests_per_minute": 600,
                "allowed_from": ["shop@example.com"],
            }
        },
    )

    name: Text = Field(min_length=1, max_length=LONGEST_NAME, description="Which program uses it.")
    scopes: Scopes
    expires_at: Instant | None = Field(default=None, description="RFC 3339 with an offset; null: never.")
    requests_per_minute: Number | None = Field(default=None, description="null: what the configuration says.")
    daily_limit: Number | None = Field(
        default=None, description="Messages a day, in the zone of the appliance; null: what the configuration says."
    )
    allowed_accounts: Accounts = []
    allowed_from: Senders = []

    def form(self) -> KeyForm:
        return KeyForm(
            self.name,
            self.scopes,
            self.expires_at,
            requests_per_minute=self.requests_per_minute,
            daily_limit=self.daily_limit,
            allowed_accounts=self.allowed_accounts,
            allowed_from=self.allowed_from,
        )

    def limits(self) -> KeyLimits:
        return KeyLimits(
            self.requests_per_minute, self.daily_limit, tuple(self.allowed_accounts), tuple(self.allowed_from)
        )


class KeyChange(Request):
    """Fields that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"daily_limit": 10000, "active": True}})

    # The defaults are never used: only what is given counts.
    name: Text = Field(default="", min_length=1, max_length=LONGEST_NAME)
    scopes: Scopes = []
    expires_at: Instant | None = Field(default=None, description="null: never.")
    active: StrictBool = Field(default=True, description="false: it opens nothing until it is true again.")
    requests_per_minute: Number | None = Field(default=None, description="null: what the configuration says.")
    daily_limit: Number | None = Field(default=None, description="null: what the configuration says.")
    allowed_accounts: Accounts = []
    allowed_from: Senders = []

    def changes(self) -> dict[str, Any]:
        """What was given, and only that. None is among the values where null has a meaning."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class KeyPath(BaseModel):
    id: Text = Field(description="Of an API key, such as key_01jd3v…")
