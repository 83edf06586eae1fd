"""The API documentation, offline and under a strict policy."""

import re

from flask.testing import FlaskClient


def test_the_page_starts_by_a_script_of_ours(alice: FlaskClient) -> None:
    answer = alice.get("/api/docs")

    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert 'data-specification="/api/openapi.json"' in answer.text
    assert "<script>" not in answer.text


def test_everything_that_it_needs_is_served_from_here(alice: FlaskClient) -> None:
    addresses = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css|svg)[^"]*)"', alice.get("/api/docs").text)

    assert len(addresses) >= 6
    for address in addresses:
        assert alice.get(address).status_code == 200, address


def test_colours_of_our_own_go_after_those_of_swagger_ui(alice: FlaskClient) -> None:
    page = alice.get("/api/docs").text

    assert page.index("swagger-ui.css") < page.index("/static/css/api_docs.css")


def test_the_specification_names_what_the_api_can_do(alice: FlaskClient) -> None:
    paths = alice.get("/api/openapi.json").json["paths"]

    assert "/api/v1/messages" in paths


def test_other_addresses_of_the_documentation_lead_here(alice: FlaskClient) -> None:
    for path in ("/api/", "/api/swagger"):
        assert alice.get(path).headers["Location"] == "/api/docs"
