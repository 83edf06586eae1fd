"""The appliance inside the test process: the real parts over a real database, and ways to hurt them."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import greenlet
import psutil
from gevent import Greenlet
from pydantic import SecretStr

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.bootstrap.process import Appliance
from appliance.config.settings import BrokerSettings, FlowerSettings, Settings
from appliance.runtime.component import Component
from tests.task_services import unique


@dataclass(frozen=True)
class Built:
    settings: Settings
    core: Core
    appliance: Appliance

    def component(self, name: str) -> Component:
        return next(component for component in self.appliance.components() if component.name == name)


@contextmanager
def built(settings: Settings) -> Iterator[Built]:
    """Nothing runs yet. Ports are free ones and the broker is the test's own."""
    web = settings.web.model_copy(update={"port": 0})
    changed = settings.model_copy(
        update={
            "web": web,
            "flower": FlowerSettings(port=0),
            "broker": BrokerSettings(url=SecretStr(f"inprocess://{unique('built')}")),
        }
    )
    data_dir = prepared_data_directory(changed)
    database = open_database(changed)
    try:
        core = build_core(changed, data_dir, database)
        yield Built(changed, core, Appliance(changed, core))
        core.transports.close()
    finally:
        gc.unfreeze()  # other tests count what is alive
        database.stop()


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def strike(name: str, error: BaseException) -> None:
    """Raises `error` wherever the component of that name waits, as if something in its loop had raised it."""
    [thread] = threads_of(name)
    greenlet_of(thread).kill(error, block=False)


def greenlet_of(thread: threading.Thread | None) -> Greenlet:
    """In which `thread` runs."""
    gc.unfreeze()  # the appliance freezes what it has built, which hides it here
    [loop] = [
        one for one in gc.get_objects() if isinstance(one, greenlet.greenlet) and thread and id(one) == thread.ident
    ]
    assert isinstance(loop, Greenlet)
    return loop


def listening_ports() -> set[int]:
    return {one.laddr.port for one in psutil.Process().net_connections(kind="inet") if one.status == "LISTEN"}
