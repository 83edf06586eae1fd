"""The web application as the tests of the pages have it."""

from tests.web.admin.conftest import keep, submit_message
from tests.web.conftest import (
    alice,
    api,
    app,
    assembled,
    client,
    core,
    make_api,
    make_person,
    parts,
    password_hash,
    sink,
    web_context,
)

__all__ = [
    "alice",
    "api",
    "app",
    "assembled",
    "client",
    "core",
    "keep",
    "make_api",
    "make_person",
    "parts",
    "password_hash",
    "sink",
    "submit_message",
    "web_context",
]
