"""Asks the appliance that runs with a data directory, by the token that lies in it."""

import json
import urllib.error
import urllib.request
from typing import Any

from appliance.config.data_dir import DataDirectory
from appliance.errors import ApplianceError
from appliance.program import PROGRAM

TIMEOUT = 10.0


class NotRunning(ApplianceError):
    """There is nobody to ask."""


def ask(data_dir: DataDirectory, path: str) -> Any:
    """What it answers to GET `path`, such as /api/v1/system; also where it answers that it is not well.

    Raises:
        NotRunning: none runs, or it does not answer in time.
        StartupError: this user may not read the directory.
    """
    running = data_dir.running()
    if running is None or "web_port" not in running:
        raise NotRunning(f"No appliance runs with the data directory {data_dir.path}. Start it with `{PROGRAM}`.")
    url = f"http://{_reachable(running['web_host'])}:{running['web_port']}{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {data_dir.secret('local_token')}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Unwell())
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return json.load(response)
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        raise NotRunning(f"The running appliance did not answer: {error}. Look at its log.") from error


class _Unwell(urllib.request.HTTPErrorProcessor):
    """503 is an answer too: it lists what is wrong."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:
        return response if response.status == 503 else super().http_response(request, response)


def _reachable(host: str) -> str:
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - what is listened on
    return everywhere.get(host, f"[{host}]" if ":" in host else host)
