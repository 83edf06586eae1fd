"""The shapes of requests about many messages, jobs and the audit."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, WithJsonSchema, model_validator

from appliance.db.models.job import JobState
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.message_sets import SetAction
from appliance.services.bulk import MOST_IDS
from appliance.web.api.schemas import METADATA, WHICH_KEY, Instant, PageQuery, Query, Request, Text, refusal

_EVERYTHING = "An empty filter means every message: name what to filter by, or say so with 'all': true."
_BOTH = "It goes with no filter and no ids; leave it out, or them."
_TWICE = "It stands in 'metadata' as well; name it once."


def _as_text(value: Any) -> Any:
    """As the query of GET /messages says it: 7 and "7" are the same, true is "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_SCALAR: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
Scalar = Annotated[Text, BeforeValidator(_as_text), WithJsonSchema(_SCALAR)]


class BulkFilter(Request):
    """The names are those of `GET /messages`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"patternProperties": {rf"^{re.escape(METADATA)}.+$": _SCALAR}}
    )

    status: list[MessageStatus] = Field(default=[], max_length=len(MessageStatus))
    reason: Reason | None = Field(default=None, description="Why it is held, deferred or failed.")
    recipient: Text = Field(
        default="", max_length=320, description="An address, the start of one, or @ and a whole domain."
    )
    tag: Text = Field(default="", max_length=64)
    account: Text = Field(default="", max_length=40, description="The id of a sender account.")
    template: Text = Field(default="", max_length=100, description="The slug of a template, or its id.")
    key: Text = Field(default="", max_length=40, description="The id of the API key that submitted it.")
    since: Instant | None = Field(default=None, description="Accepted at or after this moment.")
    until: Instant | None = Field(default=None, description="Accepted before this moment.")
    q: Text = Field(default="", max_length=200, description="Part of the subject, or an id of the message.")
    subject: Text = Field(default="", max_length=200, description="Part of the subject.")
    metadata: dict[Text, Scalar] = Field(
        default={},
        max_length=5,
        description="Has these values at these keys of its metadata; `metadata.KEY` names one as the list does.",
    )

    @model_validator(mode="before")
    @classmethod
    def _gather_metadata(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        others = {name: value for name, value in given.items() if not str(name).startswith(METADATA)}
        named = {name.removeprefix(METADATA): value for name, value in given.items() if name not in others}
        together = given.get("metadata", {})
        if not named or not isinstance(together, dict):
            return others
        if "" in named:
            raise refusal(f"filter.{METADATA}", WHICH_KEY)
        for name in named.keys() & together.keys():
            raise refusal(f"filter.{METADATA}{name}", _TWICE)
        return others | {"metadata": together | named}


class BulkMessagesRequest(Request):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"action": "retry", "filter": {"status": ["failed"], "tag": "invoice"}}},
    )

    action: SetAction = Field(description="delete needs the scope `manage`, and takes only what has ended.")
    filter: BulkFilter = BulkFilter()
    ids: list[Annotated[Text, Field(max_length=40)]] | None = Field(
        default=None, min_length=1, max_length=MOST_IDS, description="Only of these messages."
    )
    all: StrictBool = Field(default=False, description="Every message: said on purpose, instead of a filter.")
    dry_run: StrictBool = Field(default=False, description="Count only.")

    @model_validator(mode="after")
    def _says_which(self) -> "BulkMessagesRequest":
        named = self.filter.model_fields_set & self.filter.model_dump(exclude_defaults=True).keys()
        if not named and self.ids is None and not self.all:
            raise refusal("filter", _EVERYTHING, "required")
        if self.all and (named or self.ids is not None):
            raise refusal("all", _BOTH)
        return self


class JobPath(Query):
    id: Text = Field(description="Of a job, such as job_01jd3v…")


class JobQuery(PageQuery):
    state: JobState | None = Field(default=None, description="Only jobs in this state.")


class AuditQuery(PageQuery):
    actor: Text = Field(default="", max_length=200, description="The id or the name of a user or an API key.")
    action: Text = Field(
        default="", max_length=64, description="Such as `key.created`; `key.` is everything that befell API keys."
    )
    target: Text = Field(default="", max_length=320, description="The id of what was changed.")
    since: Instant | None = Field(default=None, description="RFC 3339; at or after this moment.")
    until: Instant | None = Field(default=None, description="RFC 3339; before this moment.")
