"""Measures the list of messages: `.venv/bin/python -m tests.bench.message_list` (`--help` has options).

Fills a database, starts the real appliance on it, signs in as a browser does, and asks for the list with one filter
after the other and for what leads on from it: what a visitor waits, and what processor time it takes, which a busy
machine does not lengthen. Then it exports everything as CSV, and says what somebody else felt meanwhile.
"""

import argparse
import re
import statistics
import tempfile
import time
import urllib.parse
from pathlib import Path

import psutil
import requests

from appliance.config.settings import DatabaseSettings
from appliance.db.engine import create_database_engine
from appliance.db.migrations import migrate
from tests.bench.filling import Filling, fill
from tests.bench.load import Load
from tests.bench.watch import Watch
from tests.functional.browser import PASSWORD
from tests.functional.processes import Appliance, running

FLOOR_MS = 100
QUIET = {"LOG_LEVEL": "warning"}


class Visitor:
    def __init__(self, appliance: Appliance) -> None:
        assert appliance.process is not None
        self._process = psutil.Process(appliance.process.pid)
        self._address = f"http://127.0.0.1:{appliance.port}"
        self._session = requests.Session()
        self._session.trust_env = False
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.text("/sign-in"))
        assert token is not None
        form = {"name": "alice", "password": PASSWORD, "csrf_token": token[1]}
        self._session.post(f"{self._address}/sign-in", data=form, headers={"Referer": self._address})

    def text(self, path: str) -> str:
        answer = self._session.get(self._address + path)
        answer.raise_for_status()
        return answer.text

    def measure(self, path: str, times: int) -> None:
        self.text(path)
        waited, before = [], self._processor()
        for _ in range(times):
            began = time.perf_counter()
            self.text(path)
            waited.append((time.perf_counter() - began) * 1000)
        busy = (self._processor() - before) / times * 1000
        median, most = statistics.median(waited), max(waited)
        told = urllib.parse.unquote(path)[:70]
        print(f"{told:72} p50 {median:4.0f}  max {most:4.0f} ms  processor {busy:4.0f} ms  (floor {FLOOR_MS})")

    def export(self) -> float:
        """Megabytes."""
        with self._session.get(f"{self._address}/messages/export.csv", stream=True) as answer:
            return sum(len(piece) for piece in answer.iter_content(65536)) / 1e6

    def _processor(self) -> float:
        used = self._process.cpu_times()
        return used.user + used.system


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "var").mkdir()
        filling = _filled(f"sqlite:///{place}/var/postroom.db", options.messages)
        with running(Path(place), QUIET) as appliance:
            visitor = Visitor(appliance)
            for path in _paths(visitor, filling):
                visitor.measure(path, options.requests)
            with Watch(appliance) as watch:
                time.sleep(5)
            _tell_what_others_felt("nothing at all", watch.load())
            began = time.perf_counter()
            with Watch(appliance) as watch:
                megabytes = visitor.export()
            seconds = time.perf_counter() - began
            _tell_what_others_felt(f"/messages/export.csv, {megabytes:.1f} MB in {seconds:.1f} s", watch.load())


def _tell_what_others_felt(meanwhile: str, felt: Load) -> None:
    p50, p95, most = (round(1000 * one) for one in (felt.percentile(0.5), felt.percentile(0.95), max(felt.latencies)))
    print(f"{meanwhile:72} others waited p50 {p50:4.0f}  p95 {p95:4.0f}  max {most:4.0f} ms")


def _filled(url: str, messages: int) -> Filling:
    engine = create_database_engine(url, DatabaseSettings())
    migrate(engine)
    engine.dispose()
    return fill(url, messages, 0)


def _paths(visitor: Visitor, filling: Filling) -> list[str]:
    older = "/messages"
    for _ in range(3):
        older = visitor.text(older).partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    return [
        "/messages",
        older,
        "/messages?status=failed",
        "/messages?q=invoice",
        "/messages?subject=订单",
        "/messages?recipient=ann",
        f"/messages?account={filling.accounts[3]}",
        f"/messages?key={filling.keys[1]}&reason=refused",
        "/messages?template=template-3&status=failed",
        "/messages?tag=very-rare&status=failed",
        f"/messages/{filling.ids[-1]}",
        f"/messages/{filling.ids[-1]}/source",
        f"/messages/bulk?action=retry&id={filling.ids[-1]}",
        "/messages/bulk?action=retry&scope=all&tag=tag-3&as_of=2100-01-01T00:00:00Z",
        "/compose",
        "/mailbox",
        "/jobs",
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the list of messages and what leads on from it.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=20, help="for each page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
