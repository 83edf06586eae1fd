"""What systemd is told, what it would do about it, and that the appliance lives with how the unit confines it."""

import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.config.settings import SupervisorSettings
from tests.functional import confined
from tests.functional.conftest import MakeAppliance
from tests.functional.mail import Clients, add_account, arrivals, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

HERE = Path(__file__).parent
FAULTY = [sys.executable, str(HERE / "standing_still.py")]
CONFINED = [sys.executable, str(HERE / "confined.py")]
LATE = 3.0  # seconds without a sign of life; one comes five times a second
STOP_SECONDS = int(SupervisorSettings().grace_seconds) + 15  # what the unit allows


class Systemd:
    """The end of NOTIFY_SOCKET that systemd holds (sd_notify(3))."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.1)
        self.said: list[str] = []
        self._heard_at = time.monotonic()

    def listen(self) -> None:
        """Takes what has come; never waits for long."""
        while True:
            try:
                self.said += self._socket.recv(4096).decode().splitlines()
            except TimeoutError:
                return
            self._heard_at = time.monotonic()
            if self.said[-1] == "WATCHDOG=1":
                return

    def hears_nothing(self) -> bool:
        self.listen()
        return time.monotonic() - self._heard_at > LATE

    def signs_of_life(self, count: int) -> Callable[[], bool]:
        """Whether so many more have come."""
        wanted = self.said.count("WATCHDOG=1") + count

        def enough() -> bool:
            self.listen()
            return self.said.count("WATCHDOG=1") >= wanted

        return enough

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path / "notify")
    yield systemd
    systemd.close()


def started(make_appliance: MakeAppliance, systemd: Systemd, program: list[str], **environment: str) -> Appliance:
    appliance = make_appliance({"NOTIFY_SOCKET": str(systemd.path), **environment})
    appliance.program = program
    appliance.start()
    wait_until(systemd.signs_of_life(3), message="no sign of life")
    return appliance


def test_systemd_learns_of_start_life_and_stop_in_this_order(make_appliance: MakeAppliance, systemd: Systemd) -> None:
    appliance = started(make_appliance, systemd, make_appliance().program)

    assert appliance.stop() == 0

    systemd.listen()
    assert list(dict.fromkeys(systemd.said)) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_held_event_loop_gives_no_sign_of_life_and_is_started_again_with_nothing_lost(
    make_appliance: MakeAppliance, systemd: Systemd, sink: SmtpSink
) -> None:
    appliance = started(make_appliance, systemd, FAULTY)
    add_account(appliance, sink)
    first = post(appliance)

    appliance.signal(signal.SIGUSR1)
    wait_until(systemd.hears_nothing, timeout=30, message="a held event loop was taken for alive")
    appliance.signal(signal.SIGABRT)  # as systemd does when WatchdogSec= is over
    assert appliance.wait() == -signal.SIGABRT

    assert "hold_the_loop" in appliance.log.read_text(), "the journal does not tell who held the loop"
    appliance.start()
    wait_until(systemd.signs_of_life(3), message="it was not started again")
    wait_for_status(appliance, first, "sent")
    wait_for_status(appliance, post(appliance), "sent")


def test_dead_component_ends_the_signs_of_life(make_appliance: MakeAppliance, systemd: Systemd) -> None:
    appliance = started(make_appliance, systemd, FAULTY, SUPERVISOR_RESTART_BUDGET="1000")

    appliance.signal(signal.SIGUSR2)

    wait_until(systemd.hears_nothing, timeout=30, message="a dead component was taken for alive")
    assert appliance.health()["dispatcher"]["status"] == "failed"
    assert appliance.request("GET", "/health/live")[0] == 200


def test_flower_that_cannot_run_is_no_reason_to_start_again(make_appliance: MakeAppliance, systemd: Systemd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        appliance = started(make_appliance, systemd, FAULTY, FLOWER_PORT=str(taken.getsockname()[1]))

        assert appliance.health()["monitor"]["status"] == "failed"
        wait_until(systemd.signs_of_life(10), message="mail flows, and yet it was taken for dead")


def test_stop_under_load_ends_in_the_time_that_the_unit_allows_and_sends_nothing_twice(
    start_appliance: MakeAppliance, sink: SmtpSink
) -> None:
    appliance = start_appliance()
    sink.delay("END_OF_DATA", 0.05)
    add_account(appliance, sink)
    with Clients(appliance, count=8) as clients:
        clients.post_more(300)
        assert appliance.stop(timeout=STOP_SECONDS) == 0
        clients.stop()

    appliance.start()

    wait_until(lambda: set(clients.accepted) <= set(arrivals(sink)), 60, "what was accepted is not all sent")
    assert {recipient for recipient, ids in arrivals(sink).items() if len(ids) > 1} == set()


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not confined.NUMBERS.exists(),
    reason="needs systemd-analyze and the system calls of x86-64",
)
def test_appliance_works_within_the_confinement_of_the_unit(make_appliance: MakeAppliance, sink: SmtpSink) -> None:
    appliance = make_appliance()
    appliance.program = CONFINED
    appliance.start()
    add_account(appliance, sink)

    attachment = {"filename": "a.txt", "content": "SGVsbG8=", "content_type": "text/plain"}
    body = {"html": "<style>p {color: red}</style><p>Hello", "attachments": [attachment]}

    wait_for_status(appliance, post(appliance, **body), "sent")

    assert {component["status"] for component in appliance.health().values()} == {"running"}
    assert appliance.stop() == 0
