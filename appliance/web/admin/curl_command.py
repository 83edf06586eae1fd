"""A first request with a new API key, as a command that can be pasted into a shell as it is."""

import json
import shlex

from flask import request

from appliance.services.api_keys import NewApiKey
from appliance.web.context import web


def of(made: NewApiKey) -> str:
    base = web().services.place.public_url() or request.host_url.rstrip("/")
    body = {"to": ["you@example.com"], "subject": "Hello", "text": "It works."}
    arguments = [
        f"curl {shlex.quote(f'{base}/api/v1/messages')}",
        f"-H {shlex.quote(f'Authorization: Bearer {made.secret}')}",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body))}",
    ]
    return " \\\n  ".join(arguments)
