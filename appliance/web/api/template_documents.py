"""The shapes of answers about templates."""

from typing import Any

from pydantic import Field

from appliance.services.template_variables import VariableType
from appliance.web.api.documents import Document, Moment


class VariableDocument(Document):
    name: str
    type: VariableType
    required: bool
    default: Any
    example: Any
    description: str


class SourceDocument(Document):
    subject: str
    html: str | None
    text: str | None


class TemplateSummary(Document):
    id: str
    slug: str
    name: str
    version: int = Field(description="The number of the present version.")
    created_at: Moment
    updated_at: Moment


class TemplateDocument(TemplateSummary):
    subject: str
    html: str | None
    text: str | None
    variables: list[VariableDocument]
    locales: dict[str, SourceDocument]


class TemplatePage(Document):
    items: list[TemplateSummary]
    next_cursor: str | None


class VersionSummary(Document):
    version: int
    author: str = Field(description="The name of the user or of the API key.")
    reason: str
    created_at: Moment


class VersionDocument(VersionSummary):
    subject: str
    html: str | None
    text: str | None
    variables: list[VariableDocument]
    locales: dict[str, SourceDocument]


class VersionPage(Document):
    items: list[VersionSummary]
    next_cursor: str | None


class TemplateDiff(Document):
    old: int = Field(alias="from")
    new: int = Field(alias="to")
    parts: dict[str, str] = Field(description="A unified diff for each part that differs.")


class TemplatePreview(Document):
    version: int
    locale: str | None = Field(description="The language that was found; null: the template as it is without one.")
    variables: dict[str, Any] = Field(description="What it was rendered with.")
    subject: str
    html: str | None = Field(description="With the styles moved to the elements.")
    text: str
