"""What happens to tasks, as Flower gets to know it: a stream of events that can be stopped, and a state that lasts."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from weakref import WeakSet

import structlog
from celery import Celery
from celery.events import EventReceiver
from celery.events.state import TASK_EVENT_TO_STATE, Task
from celery.states import READY_STATES
from flower.events import Events, EventsState
from tornado.ioloop import IOLoop

from appliance.runtime.monitor.history import TaskHistory, TaskRecord
from appliance.tasks.broker import hurry

Event = dict[str, Any]

BURST = 50  # events or tasks before the others get a turn
PAUSE = 0.0005  # seconds; with 0, gevent would come straight back, before sockets and timers had their turn
RETRY_SECONDS = (1, 2, 4, 8, 15)
KEPT_FIELDS = tuple(set(Task._fields) - {"root", "parent", "children", "worker"})
EVENT_BY_STATE = {state: event for event, state in TASK_EVENT_TO_STATE.items()}

log = structlog.get_logger(__name__)


class LooseTask(Task):  # type: ignore[misc]  # Celery has no types
    """Celery's task, without what ties it to itself: it takes half the memory, and goes as soon as it is forgotten.

    Celery's stays until somebody looks for garbage, and the process keeps room for all that gathers until then.
    """

    def __init__(self, uuid: str | None = None, cluster_state: object = None, **fields: Any) -> None:
        self.uuid = uuid
        self.cluster_state = cluster_state
        self.__dict__.update(fields)

    @cached_property
    def children(self) -> "WeakSet[LooseTask]":
        """Ours have none."""
        return WeakSet()

    @property
    def _serializer_handlers(self) -> dict[str, Callable[[Any], object]]:
        return {
            "children": self._serializable_children,
            "root": self._serializable_root,
            "parent": self._serializable_parent,
        }


class LastingState(EventsState):  # type: ignore[misc]  # Flower has no types
    """Flower's state, which remembers what of it is not saved yet."""

    Task = LooseTask

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unsaved: set[str] = set()

    def event(self, event: Event) -> None:
        super().event(event)
        if event["type"].startswith("task-"):
            self.unsaved.add(event["uuid"])

    def restore(self, record: TaskRecord) -> None:
        """Takes a saved task back in, past the counters and metrics: it happened, but not now."""
        subject = EVENT_BY_STATE.get(record["state"], "received")
        event = {"clock": 0, **record, "type": f"task-{subject}", "local_received": 0}
        self._event(event)
        self.search_engine.upsert(self.tasks[record["uuid"]])

    def take_unsaved(self) -> list[TaskRecord]:
        """Some of the tasks that are not saved yet; no more than take a few milliseconds."""
        taken = [self.unsaved.pop() for _ in range(min(BURST, len(self.unsaved)))]
        return [_record(self.tasks.data[uuid]) for uuid in taken if uuid in self.tasks.data]

    def counts(self) -> list[tuple[str, str, int]]:
        return [(worker, event, count) for worker, events in self.counter.items() for event, count in events.items()]


class EventStream(Events):  # type: ignore[misc]  # Flower has no types
    """Flower's events thread, made to end: its own runs for ever and asks the process to exit when it cannot."""

    def __init__(self, celery: Celery, io_loop: IOLoop, history: TaskHistory, max_tasks: int, since: float) -> None:
        """Tasks that were unfinished before `since` (seconds since 1970) ended unseen, with the process they ran in."""
        super().__init__(celery, io_loop, enable_events=False, max_tasks_in_memory=max_tasks)
        self.state = LastingState(max_tasks_in_memory=max_tasks)
        self._history = history
        self._since = since
        self._stopping = threading.Event()
        self._receiver: _Receiver | None = None
        self._arrived: deque[Event] = deque()

    def load(self) -> None:
        """Fills the state from the history, giving way to others meanwhile."""
        records, counters = self._history.load()
        for index, record in enumerate(self._worth_showing(records)):
            self.state.restore(record)
            self.capp.clock.adjust(record.get("clock") or 0)  # what comes now, comes later
            if index % BURST == 0:
                time.sleep(PAUSE)
        for worker, event, count in counters:
            self.state.counter[worker][event] = count

    def save(self) -> None:
        """Saves what changed since the last time, or as much of it as the disk takes."""
        while self.state.unsaved:
            records = self.state.take_unsaved()
            if not self._history.save(records, self.state.counts()):
                self.state.unsaved.update(record["uuid"] for record in records)
                return
            time.sleep(PAUSE)

    def run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._capture()
                failures = 0
            except Exception as error:  # noqa: BLE001 - the outermost edge: whatever the broker does, try again
                delay = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                log.warning("Flower gets no events from the broker", error=str(error), retry_in_seconds=delay)
                self._stopping.wait(delay)

    def stop(self) -> None:
        self._stopping.set()
        if self._receiver is not None:
            self._receiver.stop()
        if self.is_alive():
            self.join(timeout=2.0)

    def on_event(self, event: Event) -> None:
        """Collects, and wakes the loop once for all that has gathered."""
        self._arrived.append(event)
        if len(self._arrived) == 1:
            self.io_loop.add_callback(self._digest)

    def _digest(self) -> None:
        for _ in range(min(BURST, len(self._arrived))):
            self.state.event(self._arrived[0])
            self._arrived.popleft()
        if self._arrived:
            self.io_loop.call_later(PAUSE, self._digest)

    def _capture(self) -> None:
        with self.capp.connection_for_read() as connection:
            self._receiver = _Receiver(connection, handlers={"*": self.on_event}, app=self.capp)
            if not self._stopping.is_set():
                self._receiver.capture(limit=None, timeout=None, wakeup=True)

    def _worth_showing(self, records: Iterator[TaskRecord]) -> Iterator[TaskRecord]:
        for record in records:
            if record["state"] in READY_STATES or record["timestamp"] >= self._since:
                yield record


class _Receiver(EventReceiver):  # type: ignore[misc]  # Celery has no types
    transport: object = None
    connect_max_retries = 0  # trying again is for the stream, which can be stopped

    def on_consume_ready(self, connection: Any, channel: Any, consumers: Any, **options: Any) -> None:
        self.transport = connection.transport
        super().on_consume_ready(connection, channel, consumers, **options)

    def stop(self) -> None:
        self.should_stop = True
        hurry(self.transport)


def _record(task: Task) -> TaskRecord:
    record = {field: value for field in KEPT_FIELDS if (value := getattr(task, field, None)) is not None}
    record["hostname"] = task.worker.hostname if task.worker is not None else task.client
    return record
