"""The real `python run.py` with a data directory of its own, and an SMTP sink, each a process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.waiting import wait_until

CHECKOUT = Path(__file__).parents[2]
RUN = CHECKOUT / "run.py"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Appliance:
    """Start it with `running`. `seconds_to_ready` is from the start of the process to the first good answer."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None, config: str = "") -> None:
        """`config` is the text of its config.ini."""
        self.directory = directory
        self.config = directory / "config.ini"
        self.config.write_text(config)
        self.data_dir = directory / "var"
        self.log = directory / "log"
        self.environment = {
            "APPLIANCE_DATA_DIR": str(self.data_dir),
            "WEB_PORT": "0",
            "FLOWER_PORT": "0",
            "PYTHONFAULTHANDLER": "1",  # a crash in native code says where
            "ADMIN_USER": "alice",
            "ADMIN_PASSWORD": "correct horse battery",
            **(environment or {}),
        }
        self.program = [sys.executable, str(RUN)]
        """What is started; another one stands for the same appliance with a fault in it."""
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.flower_port = 0
        self.seconds_to_ready = 0.0

    def start(self, timeout: float = 30.0) -> None:
        """Returns when it is ready to take messages."""
        began = time.monotonic()
        self.launch()
        wait_until(self._is_ready, timeout, f"the appliance is not ready: {self.log}")
        self.seconds_to_ready = time.monotonic() - began

    def launch(self) -> None:
        """Starts the process and waits for nothing."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "--config", str(self.config)],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, timeout: float = 30.0) -> int:
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout: float = 30.0) -> int:
        """Returns the exit code."""
        assert self.process is not None
        return self.process.wait(timeout)

    def kill(self) -> None:
        """SIGKILL, as the power cut that nobody announces. Harmless when it has ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(RUN), "--config", str(self.config), *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=check,
            timeout=60,
        )

    def create_key(self, scopes: str = "send,read,manage") -> str:
        return self.command("apikey", "create", "--name", "test", "--scopes", scopes).stdout.strip()

    def local_token(self) -> str:
        """What opens the API to whoever may read the data directory; costs no process."""
        return (self.data_dir / "secrets" / "local_token").read_text().strip()

    def request(self, method: str, path: str, key: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and answer (decoded where it is JSON). Raises OSError where nobody answers."""
        sent = {"Authorization": f"Bearer {key}"} if key else {}
        if body is not None:
            sent["Content-Type"] = "application/json"
        return _request(
            f"http://127.0.0.1:{self.port}{path}",
            method,
            None if body is None else json.dumps(body).encode(),
            sent | {name.replace("_", "-"): value for name, value in headers.items()},
        )

    def ask_flower(self, method: str, path: str, password: str | None = None) -> tuple[int, Any]:
        password = password or (self.data_dir / "secrets" / "flower_password").read_text().strip()
        credentials = b64encode(f"admin:{password}".encode()).decode()
        url = f"http://127.0.0.1:{self.flower_port}{path}"
        return _request(url, method, b"" if method == "POST" else None, {"Authorization": f"Basic {credentials}"})

    def health(self) -> dict[str, dict[str, Any]]:
        """What /health says of each component, by name."""
        _, body = self.request("GET", "/health")
        return {component["name"]: component for component in body["components"]}

    def log_lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def os_process(self) -> psutil.Process:
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def cpu_seconds(self) -> float:
        times = self.os_process().cpu_times()
        return times.user + times.system

    def memory(self) -> "psutil._common.pmem":
        return self.os_process().memory_full_info()

    def find_ports(self) -> bool:
        """Whether it has said where it listens."""
        assert self.process is not None
        try:
            facts = json.loads((self.data_dir / "run.json").read_text())
            if facts["pid"] != self.process.pid:
                return False
            self.port, self.flower_port = facts["web_port"], facts["flower_port"]
        except (OSError, ValueError, KeyError):
            return False
        return True

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"exit code {self.process.returncode}: {self.log.read_text()[-3000:]}")
        try:
            return self.find_ports() and self.request("GET", "/health/ready")[0] == 200
        except OSError:
            return False


@contextlib.contextmanager
def running(directory: Path, environment: Mapping[str, str] | None = None) -> Iterator[Appliance]:
    appliance = Appliance(directory, environment)
    try:
        appliance.start()
        yield appliance
    finally:
        appliance.kill()


class Sink:
    """tests/smtp_sink.py as a process, so that its work does not count as the appliance's."""

    def __init__(self, directory: Path, latency_ms: float = 0.0) -> None:
        self.log = directory / "sink.log"
        self._latency_ms = latency_ms
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.smtp_sink", "--log", str(self.log), "--latency", str(self._latency_ms)]
        self.process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[-1])

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def received(self) -> list[dict[str, Any]]:
        """message_id, mail_from, rcpt_to and time of each message, in order."""
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def count(self) -> int:
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0


@contextlib.contextmanager
def listening(directory: Path, latency_ms: float = 0.0) -> Iterator[Sink]:
    sink = Sink(directory, latency_ms)
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


def _request(url: str, method: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, Any]:
    request = urllib.request.Request(url, method=method, data=body, headers=dict(headers))
    try:
        with DIRECT.open(request, timeout=60) as response:
            return response.status, _decoded(response.read())
    except urllib.error.HTTPError as error:
        return error.code, _decoded(error.read())


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
