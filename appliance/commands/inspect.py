"""`python run.py inspect active|reserved|stats|registered`: asks the worker of the running appliance."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from typing import Any

from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded
from appliance.errors import ApplianceError

NAME = "inspect"
HELP = "ask the worker of the running appliance what it does"
NEEDS_SETTINGS = True
QUESTIONS = ("active", "reserved", "stats", "registered", "ping")
TIMEOUT = 10.0


class NotRunning(ApplianceError):
    """There is nobody to ask."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=QUESTIONS, help="active or reserved tasks, statistics, registered tasks")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    data_dir = DataDirectory(loaded.settings.data_dir)
    running = data_dir.running()
    if running is None or "web_port" not in running:
        raise NotRunning(f"No appliance runs with the data directory {data_dir.path}. Start it with `python run.py`.")
    answer = _ask(running, data_dir.secret("local_token"), arguments.what)
    json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0


def _ask(running: dict[str, Any], token: str, what: str) -> Any:
    url = f"http://{_reachable(running['web_host'])}:{running['web_port']}/api/v1/system/inspect/{what}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return json.load(response)
    except (urllib.error.URLError, TimeoutError) as error:
        raise NotRunning(f"The running appliance did not answer: {error}. Look at its log.") from error


def _reachable(host: str) -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - what is listened on
    return everywhere.get(host, f"[{host}]" if ":" in host else host)
