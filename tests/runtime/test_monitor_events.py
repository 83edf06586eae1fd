"""What Flower's state keeps of the tasks."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.runtime.monitor.events import LastingState

STAGES = ("sent", "received", "started", "succeeded")
TOLD = {"name": "send", "args": "([msg_1], clm_1)", "kwargs": "{}", "root_id": "clm_1", "result": "{'sent': 1}"}


def test_forgotten_task_is_gone_before_anybody_looks_for_garbage() -> None:
    state = LastingState(max_tasks_in_memory=2)

    with _no_look_for_garbage():
        _happen(state, "first")
        first = weakref.ref(state.tasks["first"])
        _happen(state, "second")
        _happen(state, "third")

        assert first() is None
    assert list(state.tasks) == ["second", "third"]


def test_task_tells_what_celery_tells_of_it() -> None:
    state = LastingState(max_tasks_in_memory=2)

    _happen(state, "one")

    told = state.tasks["one"].as_dict()
    assert told.items() >= TOLD.items()
    assert (told["uuid"], told["state"], told["children"], told["parent"]) == ("one", "SUCCESS", [], None)


def _happen(state: LastingState, uuid: str) -> None:
    for clock, stage in enumerate(STAGES):
        happened = {"type": f"task-{stage}", "uuid": uuid, "hostname": "here", "pid": 1, "clock": clock}
        state.event({**TOLD, **happened, "timestamp": 1e9, "local_received": 1e9, "parent_id": None})


@contextmanager
def _no_look_for_garbage() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
