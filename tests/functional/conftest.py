"""Appliances as processes of their own. All tests of this directory are marked `functional`; none leaves a process."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.functional.mail import Gate, add_account
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink

HERE = Path(__file__).parent
MakeAppliance = Callable[..., Appliance]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.functional)


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def gated_sink(gate: Gate) -> Iterator[SmtpSink]:
    """It answers for a message that it has only while `gate` is open."""
    with SmtpSink(on_message=gate) as sink:
        yield sink
        gate.open()


@pytest.fixture
def make_appliance(tmp_path: Path) -> Iterator[MakeAppliance]:
    """Makes appliances that are not started yet: `make_appliance({"WEB_PORT": "1234"}, config="[web]...")`."""
    with ExitStack() as stack:

        def make(environment: Mapping[str, str] | None = None, config: str = "", directory: str = "box") -> Appliance:
            place = tmp_path / directory
            place.mkdir(exist_ok=True)
            appliance = Appliance(place, environment, config)
            stack.callback(appliance.kill)
            return appliance

        yield make


@pytest.fixture
def start_appliance(make_appliance: MakeAppliance) -> MakeAppliance:
    """Takes what `make_appliance` takes, and returns an appliance that is ready."""

    def start(*arguments: Any, **options: Any) -> Appliance:
        appliance = make_appliance(*arguments, **options)
        appliance.start()
        return appliance

    return start


@pytest.fixture(scope="session")
def shared_sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, shared_sink: SmtpSink) -> Iterator[Appliance]:
    """One that many tests use: it runs with the defaults, has alice for a user and sends to `shared_sink`."""
    appliance = Appliance(tmp_path_factory.mktemp("shared"))
    try:
        appliance.start()
        add_account(appliance, shared_sink)
        yield appliance
    finally:
        appliance.kill()
