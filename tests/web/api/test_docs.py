"""The examples of docs/api.md run as they stand, with curl, against the application on a real socket."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from gevent.pywsgi import WSGIServer

from appliance.bootstrap import Core
from appliance.web.api.documents import Problem
from appliance.web.api.schemas import MessageRequest
from tests.web.api.letters import post
from tests.web.conftest import ApiClient

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = WSGIServer(("127.0.0.1", 0), app, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop()


@pytest.fixture(autouse=True)
def template(api: ApiClient) -> None:
    """What the examples of the guide take for there already."""
    variables = [{"name": name, "type": "string"} for name in ("shop", "name")]
    text = "Welcome to {{ shop }}, {{ name }}."
    answer = api.post(
        "/api/v1/templates",
        {"slug": "welcome", "name": "Welcome", "subject": "Welcome", "text": text, "variables": variables},
    )
    assert answer.status_code == 201


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: " ".join(example.split())[:60])
def test_example_of_the_guide_works(url: str, api: ApiClient, core: Core, tmp_path: Path, example: str) -> None:
    (tmp_path / "invoice.pdf").write_bytes(b"%PDF-1.7")
    secret = core.services.api_keys.create("reader", ["send", "read", "manage"]).secret
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "URL": url, "KEY": secret, "ID": post(api)}
    script = example.replace("curl -sS", "curl -sS --max-time 20 --fail-with-body")
    if "/cancel" in example:  # the second of the two makes sense only for a message that failed
        script = script.splitlines()[0]

    result = subprocess.run(  # gevent's: the server goes on meanwhile
        ["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout


def test_guide_has_examples() -> None:
    assert len(EXAMPLES) >= 8


def test_every_field_of_a_message_is_in_the_guide() -> None:
    named = set(re.findall(r"`(\w+)`", GUIDE))

    assert {field.alias or name for name, field in MessageRequest.model_fields.items()} <= named


def test_error_of_the_guide_has_the_shape_of_errors() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)

    Problem.model_validate(json.loads(example))
