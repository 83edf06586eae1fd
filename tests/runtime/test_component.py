"""The lifecycle that all components share, on small ones that misbehave and on every real one."""

import random
import threading
from collections.abc import Callable, Iterator

import pytest
from gevent import GreenletExit

from appliance.config.settings import Settings
from appliance.errors import StartupError
from appliance.health import Status
from appliance.runtime import component as component_module
from appliance.runtime.component import Component, describe
from tests.built_appliance import Built, built, listening_ports, strike, threads_of
from tests.waiting import wait_until

NAMES = ("worker", "monitor", "dispatcher", "scheduler", "http server")


class Puppet(Component):
    """Runs `script` once it is started; without one, it serves until it is interrupted."""

    name = "puppet"

    def __init__(self, script: Callable[["Puppet"], None] | None = None) -> None:
        super().__init__()
        self.script = script
        self.interrupted = threading.Event()
        self.runs = 0

    def run(self) -> None:
        self.runs += 1
        self.interrupted.clear()
        if self.script is not None:
            self.script(self)
            return
        self.ready()
        self.interrupted.wait()

    def interrupt(self) -> None:
        self.interrupted.set()


@pytest.fixture
def parts(settings: Settings) -> Iterator[Built]:
    with built(settings) as parts:
        yield parts


@pytest.fixture(params=NAMES)
def real(request: pytest.FixtureRequest, parts: Built) -> Iterator[Component]:
    """Each component of the appliance, with its real collaborators."""
    component = parts.component(request.param)
    yield component
    assert component.stop(20)


def start_stop_stress(component: Component, threads: int = 4, rounds: int = 4) -> list[str]:
    """Threads that start and stop it as they like. Returns what went wrong."""
    wrong: list[str] = []

    def hammer(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(rounds):
            try:
                if dice.random() < 0.5:
                    component.start()
                elif not component.stop(20):
                    wrong.append("it did not stop in time")
            except StartupError as error:
                wrong.append(str(error))

    hammers = [threading.Thread(target=hammer, args=(seed,)) for seed in range(threads)]
    for thread in hammers:
        thread.start()
    for thread in hammers:
        thread.join()
    return wrong


def test_start_stop_stress_leaves_nothing_behind(real: Component) -> None:
    ports = listening_ports()

    wrong = start_stop_stress(real)

    assert wrong == []
    assert real.stop(20)
    assert real.health().status is Status.STOPPED
    wait_until(lambda: threads_of(real.name) == [])
    wait_until(lambda: listening_ports() == ports)


def test_start_and_stop_are_harmless_in_any_order(real: Component) -> None:
    assert real.stop(20)
    assert real.health().status is Status.STOPPED

    real.start()
    real.start()
    assert real.health().ok
    assert len(threads_of(real.name)) == 1

    assert real.stop(20)
    assert real.stop(20)
    real.start()
    assert real.health().ok


def test_error_in_the_loop_is_a_failure_with_its_text(real: Component) -> None:
    real.start()

    strike(real.name, RuntimeError("out of luck"))

    wait_until(lambda: real.health().status is Status.FAILED)
    assert real.health().detail == "RuntimeError: out of luck"
    real.start()
    assert real.health().ok


def test_return_without_a_stop_is_a_failure() -> None:
    puppet = Puppet(lambda puppet: puppet.ready())

    with pytest.raises(StartupError, match="puppet: returned without being asked to stop"):
        puppet.start()

    assert puppet.health().status is Status.FAILED


def test_error_before_it_is_ready_is_a_startup_error() -> None:
    def fail(_: Puppet) -> None:
        raise OSError("no such device")

    puppet = Puppet(fail)

    with pytest.raises(StartupError, match="puppet: OSError: no such device"):
        puppet.start()

    assert puppet.health().detail == "OSError: no such device"
    assert threads_of("puppet") == []


def test_greenlet_that_is_killed_is_a_failure() -> None:
    puppet = Puppet()
    puppet.start()

    strike("puppet", GreenletExit())

    wait_until(lambda: puppet.health().status is Status.FAILED)
    assert puppet.health().detail == "GreenletExit"


def test_start_that_takes_too_long_is_a_startup_error_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component_module, "START_TIMEOUT", 0.05)
    puppet = Puppet(lambda puppet: puppet.interrupted.wait() and None)

    with pytest.raises(StartupError, match="puppet: not ready within"):
        puppet.start()

    assert puppet.health().status is Status.FAILED
    assert threads_of("puppet") == []


def test_start_does_not_pretend_while_an_earlier_run_will_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component_module, "LAST_CHANCE", 0.05)
    deaf = threading.Event()
    puppet = Puppet(lambda puppet: (puppet.ready(), deaf.wait(), None)[-1])
    puppet.start()

    assert not puppet.stop(0.05)
    with pytest.raises(StartupError, match="has not ended yet"):
        puppet.start()

    assert puppet.runs == 1
    deaf.set()
    wait_until(lambda: threads_of("puppet") == [])
    puppet.script = None
    puppet.start()
    assert puppet.health().ok
    assert puppet.stop(5)


def test_stop_during_a_slow_start_waits_for_it_and_stops_it() -> None:
    slow = threading.Event()
    puppet = Puppet(lambda puppet: (slow.wait(), puppet.ready(), puppet.interrupted.wait(), None)[-1])
    starter = threading.Thread(target=puppet.start)
    starter.start()
    wait_until(lambda: puppet.runs == 1)
    stopped: list[bool] = []
    stopper = threading.Thread(target=lambda: stopped.append(puppet.stop(5)))
    stopper.start()

    slow.set()

    stopper.join(5)
    starter.join(5)
    assert stopped == [True]
    assert threads_of("puppet") == []


def test_report_is_shown_while_it_runs() -> None:
    puppet = Puppet()
    puppet.start()

    puppet.report("the broker is lost; reconnecting")

    assert puppet.health().ok
    assert puppet.health().detail == "the broker is lost; reconnecting"
    assert puppet.stop(5)
    assert puppet.health().detail == ""


def test_sleep_ends_with_the_stop() -> None:
    puppet = Puppet(lambda puppet: (puppet.ready(), puppet.sleep(600), None)[-1])
    puppet.start()

    assert puppet.stop(5)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (StartupError("The port is taken."), "The port is taken."),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (KeyError(), "KeyError"),
    ],
)
def test_error_is_described_in_one_line(error: BaseException, line: str) -> None:
    assert describe(error) == line


def test_no_password_or_address_of_an_error_is_in_what_health_tells_everybody() -> None:
    error = ConnectionError("amqp://shop:hunter2@broker.example refused ann@example.com")

    assert describe(error) == "ConnectionError: amqp://shop:***@broker.example refused a***@example.com"
