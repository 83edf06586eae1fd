"""The supervisor, with components that fail as they are told and note what is done to them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from appliance.config.settings import SupervisorSettings
from appliance.errors import StartupError
from appliance.health import Status
from appliance.runtime import supervisor as supervisor_module
from appliance.runtime.component import Component
from appliance.runtime.supervisor import Supervisor
from tests.waiting import wait_until

NAMES = ("worker", "monitor", "dispatcher", "scheduler", "http server")


class Part(Component):
    """Notes its starts and stops in `diary`; fails to start `bad_starts` times, and at any time when struck."""

    def __init__(self, name: str, diary: list[str], bad_starts: int = 0) -> None:
        self.name = name  # type: ignore[misc]  # a name for each, where real components have one for all
        super().__init__()
        self._diary = diary
        self._woken = threading.Event()
        self._blow: Exception | None = None
        self.bad_starts = bad_starts
        self.stubborn = False

    def run(self) -> None:
        self._woken.clear()
        self._blow = None
        if self.bad_starts:
            self.bad_starts -= 1
            raise StartupError(f"{self.name} is ill")
        self._diary.append(f"{self.name} started")
        self.ready()
        self._woken.wait()
        if self._blow is not None:
            raise self._blow
        self._diary.append(f"{self.name} stopped")

    def interrupt(self) -> None:
        if not self.stubborn:
            self._woken.set()

    def strike(self, error: Exception) -> None:
        self._blow = error
        self._woken.set()


class Rig:
    """A supervisor over five parts, running in a thread."""

    def __init__(self, **settings: float) -> None:
        self.diary: list[str] = []
        self.parts = {name: Part(name, self.diary) for name in NAMES}
        self.settings = SupervisorSettings(**{"grace_seconds": 5, **settings})  # type: ignore[arg-type]
        self.exit_code: int | None = None
        self.supervisor = Supervisor(
            list(self.parts.values()),
            self.settings,
            dispensable=["monitor"],
            on_ready=lambda: self.diary.append("ready"),
            on_stop=lambda: self.diary.append("stopping"),
        )
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def running(self) -> Iterator["Rig"]:
        self._thread.start()
        try:
            wait_until(lambda: "ready" in self.diary or self.exit_code is not None)
            yield self
        finally:
            self.stop()

    def stop(self) -> int | None:
        self.supervisor.request_stop()
        self._thread.join(30)
        return self.exit_code

    def health_of(self, name: str) -> tuple[Status, str, int]:
        [health] = [health for health in self.supervisor.health() if health.name == name]
        return health.status, health.detail, health.restarts

    def _run(self) -> None:
        self.exit_code = self.supervisor.run()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(supervisor_module, "LONGEST_BACKOFF", 0.05)
    monkeypatch.setattr(supervisor_module, "WATCH_SECONDS", 0.01)


def test_components_start_in_order_and_stop_in_reverse_between_the_hooks() -> None:
    rig = Rig()

    with rig.running():
        rig.stop()

    assert rig.diary == [
        *[f"{name} started" for name in NAMES],
        "ready",
        "stopping",
        *[f"{name} stopped" for name in reversed(NAMES)],
    ]
    assert rig.exit_code == 0


def test_health_lists_the_components_in_start_order() -> None:
    with Rig().running() as rig:
        health = rig.supervisor.health()

    assert [each.name for each in health] == list(NAMES)
    assert {each.status for each in health} == {Status.RUNNING}


def test_failure_at_the_start_stops_what_already_runs_and_exits_with_1() -> None:
    rig = Rig()
    rig.parts["scheduler"].bad_starts = 1

    with capture_logs() as log, rig.running():
        wait_until(lambda: rig.exit_code is not None)

    assert rig.exit_code == 1
    assert rig.diary == [
        *[f"{name} started" for name in NAMES[:3]],
        "stopping",
        *[f"{name} stopped" for name in reversed(NAMES[:3])],
    ]
    assert [line["reason"] for line in log if line["log_level"] == "error"] == ["scheduler: scheduler is ill"]


def test_stop_during_the_start_starts_no_more_and_announces_nothing() -> None:
    rig = Rig()
    rig.parts["dispatcher"].ready = lambda: (rig.supervisor.request_stop(), Component.ready(rig.parts["dispatcher"]))[1]  # type: ignore[method-assign]

    with rig.running():
        wait_until(lambda: rig.exit_code is not None)

    assert rig.exit_code == 0
    assert "ready" not in rig.diary
    assert "scheduler started" not in rig.diary
    assert rig.diary[-1] == "worker stopped"


@pytest.mark.parametrize("name", NAMES)
def test_component_that_fails_is_started_again_while_the_others_go_on(name: str) -> None:
    with Rig().running() as rig:
        rig.parts[name].strike(RuntimeError("out of luck"))
        wait_until(lambda: rig.health_of(name) == (Status.RUNNING, "", 1))
        diary = list(rig.diary)

    assert diary == [*[f"{each} started" for each in NAMES], "ready", f"{name} started"]
    assert rig.exit_code == 0


def test_health_says_why_a_component_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "LONGEST_BACKOFF", 60.0)
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF", 60.0)

    with Rig().running() as rig:
        rig.parts["dispatcher"].strike(RuntimeError("out of luck"))
        wait_until(lambda: rig.health_of("dispatcher") == (Status.FAILED, "RuntimeError: out of luck", 0))


def test_backoff_doubles_up_to_its_limit() -> None:
    rig = Rig(restart_budget=4)

    with capture_logs() as log, rig.running():
        rig.parts["worker"].bad_starts = 99
        rig.parts["worker"].strike(RuntimeError("out of luck"))
        wait_until(lambda: rig.exit_code is not None)

    delays = [line["restart_in_seconds"] for line in log if line["event"] == "component failed"]
    assert delays == [0.01, 0.02, 0.04, 0.05]


def test_component_that_fails_more_often_than_its_budget_ends_the_process() -> None:
    rig = Rig(restart_budget=2)

    with capture_logs() as log, rig.running():
        rig.parts["worker"].bad_starts = 99
        rig.parts["worker"].strike(RuntimeError("out of luck"))
        wait_until(lambda: rig.exit_code is not None)

    [farewell] = [line for line in log if line["log_level"] == "critical"]
    assert rig.exit_code == 1
    assert (farewell["component"], farewell["reason"], farewell["failures"]) == ("worker", "worker: worker is ill", 3)
    assert rig.diary[-4:] == [f"{name} stopped" for name in reversed(NAMES[1:])]


def test_failures_before_the_window_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    with Rig(restart_budget=1, restart_window_seconds=0.001).running() as rig:
        for restarts in range(1, 5):
            rig.parts["worker"].strike(RuntimeError("out of luck"))
            wait_until(lambda restarts=restarts: rig.health_of("worker") == (Status.RUNNING, "", restarts))  # type: ignore[misc]

    assert rig.exit_code == 0


def test_dispensable_component_is_retried_for_ever_and_ends_nothing() -> None:
    rig = Rig(restart_budget=1)
    rig.parts["monitor"].bad_starts = 6

    with rig.running():
        assert rig.diary[-1] == "ready"
        wait_until(lambda: rig.health_of("monitor") == (Status.RUNNING, "", 6))

    assert rig.exit_code == 0


def test_all_stops_share_one_grace_period() -> None:
    rig = Rig(grace_seconds=0.3)
    asked: list[float] = []
    for part in rig.parts.values():
        part.stubborn = True
        part.stop = _noting(part.stop, asked)  # type: ignore[method-assign]

    with capture_logs() as log, rig.running():
        rig.stop()
        for part in rig.parts.values():
            part.stubborn = False
            part.interrupt()

    assert [line["component"] for line in log if line["event"] == "component did not stop in time"] == list(
        reversed(NAMES)
    )
    assert asked[0] <= 0.3
    assert asked[1:] == [0.1] * 4  # what is left, but never nothing


def _noting(stop: Callable[[float], bool], asked: list[float]) -> Callable[[float], bool]:
    def noted(timeout: float) -> bool:
        asked.append(timeout)
        return stop(timeout)

    return noted


def test_asking_twice_to_stop_is_harmless() -> None:
    with Rig().running() as rig:
        rig.supervisor.request_stop()
        rig.supervisor.request_stop()

    assert rig.exit_code == 0


def test_watch_hook_runs_for_as_long_as_the_components() -> None:
    looks: list[int] = []
    supervisor = Supervisor([], SupervisorSettings(), on_watch=lambda: looks.append(len(looks)))
    thread = threading.Thread(target=supervisor.run)
    thread.start()

    wait_until(lambda: len(looks) >= 3)

    supervisor.request_stop()
    thread.join(5)
    assert not thread.is_alive()


def test_hook_that_raises_leaves_nothing_running() -> None:
    diary: list[str] = []

    def fail() -> None:
        raise RuntimeError("no room for the run file")

    supervisor = Supervisor([Part("worker", diary)], SupervisorSettings(), on_ready=fail)

    with pytest.raises(RuntimeError):
        supervisor.run()

    assert diary == ["worker started", "worker stopped"]
