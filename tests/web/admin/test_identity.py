"""Where sign-in may lead."""

import pytest
from flask import Flask

from appliance.web.admin.identity import safe_next


@pytest.mark.parametrize("wanted", ["/messages", "/messages?status=held&q=a%20b", "/flower/task/1", "/?a=//b"])
def test_paths_of_this_site_are_kept(app: Flask, wanted: str) -> None:
    with app.test_request_context():
        assert safe_next(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        "",
        "messages",
        "//evil.example",
        "///evil.example",
        "/\\evil",
        "/a\\b",
        "/\n/evil",
        "http:/evil",
        "\x00/",
        " /",
    ],
)
def test_everything_else_leads_to_the_first_page(app: Flask, wanted: str | None) -> None:
    with app.test_request_context():
        assert safe_next(wanted) == "/"
