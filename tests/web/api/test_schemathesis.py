"""The application does what its OpenAPI document says, whatever comes: schemathesis reads the document and tries.

Operations that are added are covered without a change here. `SCHEMATHESIS_EXAMPLES=500 pytest
tests/web/api/test_schemathesis.py` looks longer, and elsewhere each time.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from appliance.bootstrap import Core
from appliance.config.settings import Settings, WebSettings
from appliance.runtime.http_server import HttpServer
from tests.web.api.letters import post
from tests.web.conftest import ApiClient

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))
FEW = 6  # of each operation, and always the same ones: what a run of all tests has the time for
PHASES = "examples,coverage,fuzzing"

# A body can fit the document and still be refused: no schema says what an address or a time zone is. Any text
# is CSV, so none has the wrong type.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422"]

[[operations]]
include-path = "/api/v1/suppressions/import"
checks.negative_data_rejection.expected-statuses = ["200", "400", "401", "405", "415", "422"]

[auth.openapi.api_key]
bearer = "{key}"
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Of an appliance that takes many wrong keys without asking for a pause: here they are all one program's."""
    limits = settings.limits.model_copy(update={"failed_keys_per_minute": 10**9})
    return settings.model_copy(update={"limits": limits})


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = HttpServer(app, WebSettings(port=0))
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop(5)


def test_schemathesis_finds_nothing(url: str, core: Core, api: ApiClient, tmp_path: Path) -> None:
    post(api)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(key=core.services.api_keys.create("reader", ["send", "read", "manage"]).secret))
    amount = ["--max-examples", str(EXAMPLES or FEW)]
    amount += ["--generation-database", "none"] if EXAMPLES else ["--generation-deterministic"]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}/api/openapi.json"]
    options = ["--checks", "all", "--phases", PHASES, "--warnings", "off"]

    result = subprocess.run(  # gevent's: the server goes on meanwhile
        [*command, *options, *amount], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
