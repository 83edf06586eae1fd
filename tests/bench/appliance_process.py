"""A real `python run.py` with a data directory of its own, and an SMTP sink, each a process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

CHECKOUT = Path(__file__).parents[2]
RUN = CHECKOUT / "run.py"


class Appliance:
    """Start it with `running`. `seconds_to_ready` is from the start of the process to the first good answer."""

    def __init__(self, directory: Path, environment: dict[str, str] | None = None) -> None:
        self.directory = directory
        self.log = directory / "log"
        self._environment = {
            "APPLIANCE_DATA_DIR": str(directory / "var"),
            "WEB_PORT": "0",
            "FLOWER_PORT": "0",
            "ADMIN_USER": "alice",
            "ADMIN_PASSWORD": "correct horse battery",
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.flower_port = 0
        self.seconds_to_ready = 0.0

    def start(self, timeout: float = 30.0) -> None:
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(RUN)],
                env={**os.environ, **self._environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        run_file = self.directory / "var" / "run.json"
        while time.monotonic() - began < timeout:
            if self.process.poll() is not None:
                raise AssertionError(f"the appliance ended: {self.log.read_text()[-3000:]}")
            if self._listens(run_file):
                self.seconds_to_ready = time.monotonic() - began
                return
            time.sleep(0.02)
        raise AssertionError(f"the appliance was not ready in {timeout} s: {self.log.read_text()[-3000:]}")

    def stop(self, timeout: float = 30.0) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """SIGKILL, as the power cut that nobody announces."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(RUN), *words],
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=check,
        )

    def create_key(self, scopes: str = "send,read,manage") -> str:
        return self.command("apikey", "create", "--name", "test", "--scopes", scopes).stdout.strip()

    def request(self, method: str, path: str, key: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and answer (decoded where it is JSON)."""
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} if key else {}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=sent | names,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, _decoded(response.read())
        except urllib.error.HTTPError as error:
            return error.code, _decoded(error.read())

    def cpu_seconds(self) -> float:
        assert self.process is not None
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def memory(self) -> "psutil._common.pmem":
        assert self.process is not None
        return psutil.Process(self.process.pid).memory_full_info()

    def _listens(self, run_file: Path) -> bool:
        try:
            facts = json.loads(run_file.read_text())
            if facts["pid"] != (self.process.pid if self.process else 0):
                return False
            self.port, self.flower_port = facts["web_port"], facts["flower_port"]
            return self.request("GET", "/health/ready")[0] == 200
        except (OSError, ValueError, KeyError):
            return False


@contextlib.contextmanager
def running(directory: Path, environment: dict[str, str] | None = None) -> Iterator[Appliance]:
    appliance = Appliance(directory, environment)
    appliance.start()
    try:
        yield appliance
    finally:
        if appliance.process is not None and appliance.process.poll() is None:
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


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
