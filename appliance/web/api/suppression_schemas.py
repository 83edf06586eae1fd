"""The shapes of requests about suppressions."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.web.api.schemas import Instant, PageQuery, Query, Request, Text


class SuppressionRequest(Request):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"address": "ann@example.com", "reason": "asked to be left alone"}},
    )

    address: Text = Field(max_length=400, description="An address, or a domain such as example.com for all of it.")
    reason: Text = Field(default="", max_length=500, description="For people: it is shown with what it stops.")
    expires_at: Instant | None = Field(default=None, description="RFC 3339; without it, for ever.")


class SuppressionQuery(PageQuery):
    q: Text = Field(default="", max_length=320, description="Part of the address.")
    source: Literal["", "manual", "api", "refusal", "import"] = ""


class SuppressionPath(BaseModel):
    address: Text = Field(description="An address, a domain, or the id of an entry.")


class RemovalQuery(Query):
    release: bool = Field(
        default=False, description="Whether messages that it stopped now go out, to those whom it kept them from."
    )
