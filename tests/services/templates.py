"""Templates for tests: valid unless a test says otherwise."""

from typing import Any

from appliance.services.template_form import TemplateForm
from appliance.services.template_variables import Variable


def template_form(**overrides: Any) -> TemplateForm:
    fields: dict[str, Any] = {
        "name": "Invoice",
        "subject": "Invoice {{ number }}",
        "html": "<p>Hello {{ name }}, invoice {{ number }}.</p>",
        "variables": (
            Variable("name", "string", default="there", example="Ann"),
            Variable("number", "integer", example=1041),
        ),
    }
    return TemplateForm(**fields | overrides)
