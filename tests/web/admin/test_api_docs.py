"""The API documentation, offline and under a strict policy."""

import re

import pytest
from flask.testing import FlaskClient

from appliance.web.admin.api_docs import Operation, operations


def test_the_page_starts_by_a_script_of_ours(alice: FlaskClient) -> None:
    answer = alice.get("/api/docs")

    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert 'data-specification="/api/openapi.json"' in answer.text
    assert "<script>" not in answer.text


def test_everything_that_it_needs_is_served_from_here(alice: FlaskClient) -> None:
    page = alice.get("/api/docs").text

    addresses = re.findall(r'(?:src|href|data-script|data-style)="(/[^"]+\.(?:js|css|svg)[^"]*)"', page)

    assert len(addresses) >= 6
    for address in addresses:
        assert alice.get(address).status_code == 200, address


@pytest.mark.parametrize("part", ["swagger-ui-bundle.js", "swagger-ui.css"])
def test_swagger_ui_is_not_part_of_the_first_load(alice: FlaskClient, part: str) -> None:
    assert not re.search(rf'\b(?:src|href)="[^"]*{re.escape(part)}', alice.get("/api/docs").text)


def test_every_operation_is_listed_with_where_swagger_ui_shows_it(alice: FlaskClient) -> None:
    paths = alice.get("/api/openapi.json").json["paths"]

    page = alice.get("/api/docs").text

    assert "/api/v1/messages" in paths
    for path, methods in paths.items():
        for method, detail in methods.items():
            assert f'href="#/{detail["tags"][0]}/{detail["operationId"]}"' in page, (method, path)


def test_operations_stand_together_by_tag() -> None:
    paths = {
        "/b": {"get": {"operationId": "read_b", "tags": ["Beta"], "summary": "Reads."}},
        "/a": {
            "post": {"operationId": "make_a", "tags": ["Alpha"]},
            "get": {"operationId": "read_a", "tags": ["Beta"]},
        },
    }

    assert operations(paths) == [
        Operation("make_a", "Alpha", "POST", "/a", ""),
        Operation("read_b", "Beta", "GET", "/b", "Reads."),
        Operation("read_a", "Beta", "GET", "/a", ""),
    ]


def test_other_addresses_of_the_documentation_lead_here(alice: FlaskClient) -> None:
    for path in ("/api/", "/api/swagger"):
        assert alice.get(path).headers["Location"] == "/api/docs"
