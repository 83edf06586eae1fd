"""The program of docs/quickstart-python.md runs as it stands, against the application on a real socket."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from flask import Flask

from appliance.bootstrap import Core
from appliance.config.settings import WebSettings
from appliance.runtime.http_server import HttpServer
from tests.web.api.letters import MESSAGES, send_all
from tests.web.conftest import ApiClient

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "quickstart-python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = HttpServer(app, WebSettings(port=0))
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop(5)


@pytest.fixture
def sending(core: Core) -> Iterator[None]:
    """What dispatcher and worker do: messages go to the built-in mailbox while the program runs."""

    def send() -> None:
        while True:
            send_all(core)
            gevent.sleep(0.05)

    sender = gevent.spawn(send)
    yield
    sender.kill()


@pytest.fixture
def output(url: str, core: Core, sending: None, tmp_path: Path) -> str:
    """What the program prints."""
    program = tmp_path / "quickstart.py"
    program.write_text("\n".join(BLOCKS), encoding="utf-8")
    key = core.services.api_keys.create("quick start", ["send", "read", "manage"]).secret
    environment = {"POSTROOM_URL": url, "POSTROOM_KEY": key, "NO_PROXY": "*"}

    result = subprocess.run(  # gevent's: the server goes on meanwhile
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_program_of_the_page_prints_what_it_says(output: str) -> None:
    promised = re.findall(r"print\(.*\)  # (.*)", PAGE)

    assert len(promised) >= 6
    for line in promised:
        assert re.search(re.escape(line).replace("…", ".*"), output), line


def test_program_of_the_page_sends_what_it_says(output: str, api: ApiClient) -> None:
    found = api.get(f"{MESSAGES}?limit=50").get_json()["items"]

    assert [one["subject"] for one in reversed(found)] == [
        *("Your invoice", "Your order", "Your invoice", "Our terms"),
        *("Order 1041 is on its way", "Order 1041 is on its way", "Order 1042 is on its way"),
    ]
    assert [line.split()[0] for line in output.splitlines()[-2:]] == ["bob@example.com", "ann@example.com"]
