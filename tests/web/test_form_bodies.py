from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from appliance.web.context import WebContext

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def natively(app: Flask, web_context: WebContext) -> list[str]:
    """One entry for each run off the event loop."""
    runs: list[str] = []

    def run(work: Any) -> Any:
        runs.append("run")
        return work()

    app.extensions["postroom"] = replace(web_context, run_native=run)
    return runs


def test_form_of_very_many_fields_is_refused_before_it_is_read(client: FlaskClient, natively: list[str]) -> None:
    fields = "&".join(f"field{number}=1" for number in range(20_000))

    assert client.post("/sign-in", data=fields, content_type=FORM).status_code == 413
    assert natively == []


@pytest.mark.parametrize(("size", "runs"), [(100, []), (200_000, ["run"])])
def test_large_form_is_read_off_the_event_loop_and_is_all_there(
    client: FlaskClient, natively: list[str], size: int, runs: list[str]
) -> None:
    fields = {"name": "你好", "password": "x" * size}

    with client:
        client.post("/sign-in", data=urlencode(fields), content_type=FORM)

        assert request.form.to_dict() == fields
        assert natively == runs


def test_large_json_is_read_off_the_event_loop(client: FlaskClient, api: Any, natively: list[str]) -> None:
    letter = {"to": ["ann@example.com"], "subject": "Hello", "text": "x" * 100_000}

    assert api.post("/api/v1/messages?dry_run=true", json=letter | {"text": "Hello"}).status_code == 200
    assert natively == []
    assert api.post("/api/v1/messages?dry_run=true", json=letter).status_code == 200
    assert natively == ["run"]  # and it is written apart by the services, which have their own way to do it
