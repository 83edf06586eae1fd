"""A version of a template, and the values that somebody wants to see it with."""

import json
from collections.abc import Mapping
from typing import Any

from flask import request

from appliance.db.models import Template, TemplateVersion
from appliance.db.queries import templates
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.language import gettext
from appliance.services.template_variables import Variable, examples_of
from appliance.web.admin.template_form import text_of, value_of
from appliance.web.context import web

LONGEST_VARIABLES = 100_000  # characters, in the address of a preview
FIELD = "value-"


def read(slug: str, number: int | None = None) -> tuple[Template, TemplateVersion]:
    """`number` None: the present version. Raises NotFound."""
    with web().read() as session:
        template = templates.by_slug(session, slug)
        if template is None:
            raise NotFound("template", slug)
        wanted = template.version if number is None else number
        version = templates.version(session, template.id, wanted) if 0 < wanted <= template.version else None
    if version is None:
        raise NotFound("version", str(number))
    return template, version


def declared(version: TemplateVersion) -> list[Variable]:
    return [Variable(**one) for one in version.variables]


def given(version: TemplateVersion, values: Mapping[str, str]) -> dict[str, Any] | None:
    """From the fields of a form, or from JSON in `variables`; None: neither is there. Raises InvalidInput."""
    if any(name.startswith(FIELD) for name in values):
        return _from_fields(declared(version), values)
    return _from_json(values.get("variables", ""))


def fields(version: TemplateVersion, values: Mapping[str, str]) -> list[tuple[Variable, str]]:
    """Each variable with what its field says: what was given, else the example."""
    examples = examples_of(declared(version))
    written = [(one, text_of(examples[one.name], one.type)) for one in declared(version)]
    return [(one, values.get(FIELD + one.name, text)) for one, text in written]


def as_arguments(values: Mapping[str, Any] | None) -> dict[str, str]:
    """For an address that shows the same."""
    return {} if values is None else {"variables": json.dumps(values, ensure_ascii=False)}


def locale_wanted() -> str | None:
    return request.values.get("locale", "")[:20] or None


def _from_fields(variables: list[Variable], values: Mapping[str, str]) -> dict[str, Any]:
    """An empty field is a variable that was left out; of a text that must be there, an empty text."""
    made, errors = {}, []
    for one in variables:
        text = values.get(FIELD + one.name, "")[:LONGEST_VARIABLES]
        try:
            value = value_of(text, one.type)
        except ValueError:
            remedy = gettext("This is no value of the type %(type)s.", type=one.type)
            errors.append(FieldError(f"variables.{one.name}", remedy))
            continue
        if value is not None:
            made[one.name] = value
        elif one.required and one.type == "string" and one.default is None:
            made[one.name] = ""
    if errors:
        raise InvalidInput(errors)
    return made


def _from_json(text: str) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        if len(text) > LONGEST_VARIABLES:
            raise ValueError(
                gettext(
                    "they have %(count)s characters; a preview here takes %(most)s",
                    count=len(text),
                    most=LONGEST_VARIABLES,
                )
            )
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput([FieldError("variables", gettext("This is not JSON: %(reason)s.", reason=error))]) from error
    if not isinstance(values, dict):
        raise InvalidInput([FieldError("variables", gettext('Write a JSON object: {"name": "Ann"}.'))])
    return values
