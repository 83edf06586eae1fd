"""The shapes of requests about webhooks."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from appliance.services.webhook_form import LONGEST_DESCRIPTION, LONGEST_URL, SUBSCRIBABLE, EndpointForm
from appliance.web.api.schemas import Instant, PageQuery, Request, Text

Url = Annotated[Text, Field(max_length=LONGEST_URL, description="Where events are posted to, with https.")]
Description = Annotated[Text, Field(max_length=LONGEST_DESCRIPTION, description="For people: what it is for.")]
Events = Annotated[
    list[Text],
    Field(
        min_length=1,
        max_length=len(SUBSCRIBABLE),
        description="What it is told of: kinds of events, `message.*` for all of a sort, `*` for everything.",
        json_schema_extra={"items": {"type": "string", "enum": list(SUBSCRIBABLE)}},
    ),
]


class WebhookRequest(Request):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "url": "https://example.com/hooks/mail",
                "description": "Order system",
                "events": ["message.failed", "message.partially_sent", "account.*"],
            }
        },
    )

    url: Url
    description: Description = ""
    events: Events = ["*"]

    def form(self) -> EndpointForm:
        return EndpointForm(self.url, self.description, self.events)


class WebhookChange(Request):
    """Fields that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"events": ["message.*"]}})

    # The defaults are never used: only what is given counts.
    url: Url = ""
    description: Description = ""
    events: Events = ["*"]

    def changes(self) -> dict[str, Any]:
        """What was given, and only that."""
        return self.model_dump(exclude_unset=True)


class ReplayRequest(Request):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"since": "2026-11-24T08:00:00Z"}})

    since: Instant = Field(description="RFC 3339; failed deliveries of events since then are sent again.")


class WebhookQuery(PageQuery):
    pass


class DeliveryQuery(PageQuery):
    status: Literal["", "pending", "delivered", "failed"] = ""


class WebhookPath(BaseModel):
    id: Text = Field(description="Of a webhook endpoint, such as whk_01jd3v…")


class DeliveryPath(BaseModel):
    id: Text = Field(description="Of a delivery, such as whd_01jd3v…: the `webhook-id` of its requests.")
