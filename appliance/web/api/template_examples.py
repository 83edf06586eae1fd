"""Examples of answers about templates, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

_AT = "2026-11-24T08:00:00.000Z"

_SUMMARY: Mapping[str, Any] = {
    "id": "tpl_01kd4xb5s8t1u3v5w7x9y2z4a6",
    "slug": "invoice",
    "name": "Invoice",
    "version": 2,
    "created_at": _AT,
    "updated_at": _AT,
}
_CONTENT: Mapping[str, Any] = {
    "subject": "Your invoice {{ number }}",
    "html": "<p>Your invoice <b>{{ number }}</b> is ready.</p>",
    "text": None,
    "variables": [
        {
            "name": "number",
            "type": "integer",
            "required": True,
            "default": None,
            "example": 1041,
            "description": "Of the invoice.",
        }
    ],
    "locales": {"de": {"subject": "Ihre Rechnung {{ number }}", "html": None, "text": "Sie ist da."}},
}
_VERSION: Mapping[str, Any] = {"version": 2, "author": "shop", "reason": "Shorter", "created_at": _AT}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "TemplateDocument": {**_SUMMARY, **_CONTENT},
    "TemplatePage": {"items": [_SUMMARY], "next_cursor": None},
    "VersionDocument": {**_VERSION, **_CONTENT},
    "VersionPage": {"items": [_VERSION], "next_cursor": None},
    "TemplateDiff": {
        "from": 1,
        "to": 2,
        "parts": {
            "subject": "--- subject of version 1\n+++ subject of version 2\n@@ -1 +1 @@\n-Invoice\n+Bill {{ number }}"
        },
    },
    "TemplatePreview": {
        "version": 2,
        "locale": None,
        "variables": {"number": 1041},
        "subject": "Your invoice 1041",
        "html": "<p>Your invoice <b>1041</b> is ready.</p>",
        "text": "Your invoice 1041 is ready.\n",
    },
}
