"""The shapes of requests about templates."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from appliance.services import language_tags
from appliance.services.template_form import (
    LONGEST_NAME,
    LONGEST_REASON,
    LONGEST_SLUG,
    MOST_LOCALES,
    Source,
    TemplateForm,
)
from appliance.services.template_variables import MOST_VARIABLES, Variable, VariableType
from appliance.web.api.schemas import PageQuery, Query, Request, Text

LAST_VERSION = 1_000_000_000

Number = Annotated[int, Field(ge=1, le=LAST_VERSION)]
Name = Annotated[Text, Field(max_length=LONGEST_NAME, description="What people call it.")]
Reason = Annotated[Text, Field(max_length=LONGEST_REASON, description="Why; it stands in the list of versions.")]
Slug = Annotated[
    Text, Field(max_length=LONGEST_SLUG, description="What messages call it: lower-case letters, digits and dashes.")
]

_EXAMPLE: Mapping[str, Any] = {
    "name": "Invoice",
    "subject": "Your invoice {{ number }}",
    "html": "<style>b { color: #2b4fa8 }</style><p>Hello {{ name }}, your invoice <b>{{ number }}</b> is ready.</p>",
    "variables": [
        {"name": "name", "type": "string", "default": "there", "example": "Ann"},
        {"name": "number", "type": "integer", "example": 1041, "description": "Of the invoice."},
    ],
    "locales": {"de": {"subject": "Ihre Rechnung {{ number }}", "text": "Guten Tag {{ name }}, sie ist da."}},
    "reason": "First draft",
}


class VariableRequest(Request):
    name: Text = Field(max_length=64)
    type: VariableType = VariableType.STRING
    required: StrictBool = Field(default=True, description="A message without it is refused, unless it has a default.")
    default: Any = Field(default=None, description="For messages that leave it out; null: there is none.")
    example: Any = Field(default=None, description="For previews.")
    description: Text = Field(default="", max_length=500)


class SourceRequest(Request):
    subject: Text
    html: Text | None = None
    text: Text | None = Field(default=None, description="Without it, the text is derived from the HTML.")

    def source(self) -> Source:
        return Source(self.subject, self.html, self.text)


class TemplateContent(SourceRequest):
    name: Name
    variables: list[VariableRequest] = Field(default=[], max_length=MOST_VARIABLES)
    locales: dict[Text, SourceRequest] = Field(
        default={},
        max_length=MOST_LOCALES,
        description="The same in other languages, by tag: zh-CN. A message that asks for zh-CN gets zh-CN, else zh, "
        "else what stands above.",
    )
    reason: Reason = ""

    def form(self) -> TemplateForm:
        variables = tuple(Variable(**one.model_dump()) for one in self.variables)
        locales = {locale: source.source() for locale, source in self.locales.items()}
        return TemplateForm(self.name, self.subject, self.html, self.text, variables, locales)


class TemplateRequest(TemplateContent):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"slug": "invoice", **_EXAMPLE}})

    slug: Slug


class TemplateChange(TemplateContent):
    """Replaces all of it. What says the same as before makes no version."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {**_EXAMPLE, "base_version": 1}})

    base_version: Annotated[StrictInt, Field(ge=1, le=LAST_VERSION)] | None = Field(
        default=None, description="The version that the change started from; another present one is a conflict."
    )


class RollbackRequest(Request):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": 1, "reason": "It was better"}})

    version: Annotated[StrictInt, Field(ge=1, le=LAST_VERSION)]
    reason: Reason = ""


class PreviewRequest(Request):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"variables": {"name": "Ann", "number": 1041}, "locale": "de"}}
    )

    variables: dict[str, Any] | None = Field(default=None, description="Left out: the examples of the declaration.")
    locale: Text | None = Field(default=None, max_length=language_tags.LONGEST)
    version: Annotated[StrictInt, Field(ge=1, le=LAST_VERSION)] | None = Field(
        default=None, description="Left out: the present one."
    )


class TemplateQuery(PageQuery):
    pass


class DiffQuery(Query):
    old: Number = Field(alias="from")
    new: Number | None = Field(default=None, alias="to", description="Left out: the present version.")


class TemplatePath(Request):
    slug: Slug


class VersionPath(Request):
    slug: Slug
    number: Number
