"""The queues of the in-process broker: plain data in memory, safe to share between threads."""

# mypy: allow-untyped-calls

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from queue import Empty
from typing import Any

from kombu.transport.virtual import BrokerState

RawMessage = dict[str, Any]
"""A message as kombu's virtual transports pass it on: body, headers, properties."""

PRIORITIES = 10
TRANSIENT_LIMIT = 5_000
"""Messages that a queue which does not outlive its consumers (events, replies) holds at most. When a monitor stops
reading, the oldest events go: they are news, and memory is not for news that nobody reads."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """How a queue was declared. Times are seconds."""

    durable: bool = False
    auto_delete: bool = False
    expires: float | None = None
    message_ttl: float | None = None
    max_length: int | None = None

    @classmethod
    def from_declaration(cls, durable: bool, auto_delete: bool, arguments: dict[str, Any]) -> "QueueOptions":
        """`arguments` as RabbitMQ names them: `x-expires` and `x-message-ttl` in milliseconds, `x-max-length`."""
        return cls(
            durable=durable,
            auto_delete=auto_delete,
            expires=_seconds(arguments.get("x-expires")),
            message_ttl=_seconds(arguments.get("x-message-ttl")),
            max_length=arguments.get("x-max-length", None if durable else TRANSIENT_LIMIT),
        )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


class MessageQueue:
    """Messages by priority, first in, first out within one. Not locked: the broker does that."""

    def __init__(self, name: str, options: QueueOptions, owner: object = None) -> None:
        self.name = name
        self.options = options
        self.owner = owner
        self.consumers: dict[object, Callable[[], None]] = {}
        self._lanes: list[deque[tuple[float, RawMessage]]] = [deque() for _ in range(PRIORITIES)]
        self._size = 0
        self._unused_since = time.monotonic()

    def __len__(self) -> int:
        return self._size

    def put(self, message: RawMessage, priority: int, *, first: bool = False) -> None:
        """Appends, or with `first` gives back a message that was taken before the others."""
        ttl = self.options.message_ttl
        entry = (float("inf") if ttl is None else time.monotonic() + ttl, message)
        lane = self._lanes[priority]
        if first:
            lane.appendleft(entry)
        else:
            lane.append(entry)
        self._size += 1
        if self.options.max_length is not None and self._size > self.options.max_length:
            self._drop_oldest()

    def get(self) -> RawMessage:
        """Takes the next message. Raises `queue.Empty`."""
        for lane in reversed(self._lanes):
            while lane:
                deadline, message = lane.popleft()
                self._size -= 1
                if deadline > time.monotonic():
                    return message
        raise Empty

    def purge(self) -> int:
        size, self._size = self._size, 0
        for lane in self._lanes:
            lane.clear()
        return size

    def remove_consumer(self, tag: object) -> bool:
        """Whether that was the last one."""
        known = self.consumers.pop(tag, None) is not None
        self._unused_since = time.monotonic()
        return known and not self.consumers

    @property
    def expired(self) -> bool:
        """Whether nobody has consumed from it for longer than it was declared to live unused."""
        if self.options.expires is None or self.consumers:
            return False
        return time.monotonic() > self._unused_since + self.options.expires

    def _drop_oldest(self) -> None:
        lane = next(lane for lane in self._lanes if lane)
        lane.popleft()
        self._size -= 1


class Broker:
    """All queues, exchanges and bindings. One a process and name: every connection to `inprocess://name` shares it."""

    def __init__(self) -> None:
        self._exchanges: dict[str, dict[str, Any]] = {}
        self.state = BrokerState(self._exchanges)
        self._queues: dict[str, MessageQueue] = {}
        self.lock = threading.RLock()

    def declare(self, name: str, options: QueueOptions, owner: object = None) -> None:
        """Makes the queue unless it exists. With an `owner` it lives no longer than that connection."""
        with self.lock:
            self._delete_expired()
            if name not in self._queues:
                self._queues[name] = MessageQueue(name, options, owner)

    def exists(self, name: str) -> bool:
        return name in self._queues

    def size(self, name: str) -> int:
        queue = self._queues.get(name)
        return len(queue) if queue is not None else 0

    def consumer_count(self, name: str) -> int:
        queue = self._queues.get(name)
        return len(queue.consumers) if queue is not None else 0

    def sizes(self) -> dict[str, int]:
        """Messages that wait, by queue."""
        with self.lock:
            return {name: len(queue) for name, queue in self._queues.items()}

    def lasting_sizes(self) -> dict[str, int]:
        """As `sizes`, of queues that outlive whoever consumes from them: those of events and replies have names that
        are made up anew each time."""
        with self.lock:
            return {name: len(queue) for name, queue in self._queues.items() if queue.options.durable}

    def put(self, name: str, message: RawMessage, priority: int, *, first: bool = False) -> None:
        """Hands a copy to the queue and wakes who consumes from it; without such a queue it is dropped, as in AMQP."""
        with self.lock:
            queue = self._queues.get(name)
            if queue is None:
                return
            if queue.expired:
                self.delete(name)
                return
            queue.put(_copy(message), priority, first=first)
            wakers = list(queue.consumers.values())
        for wake in wakers:
            wake()

    def get(self, name: str) -> RawMessage:
        """Raises `queue.Empty`."""
        with self.lock:
            queue = self._queues.get(name)
            if queue is None:
                raise Empty
            return queue.get()

    def purge(self, name: str) -> int:
        with self.lock:
            queue = self._queues.get(name)
            return queue.purge() if queue is not None else 0

    def delete(self, name: str) -> None:
        with self.lock:
            self._queues.pop(name, None)
            for binding in self.state.queue_index.get(name, ()):
                self._unroute(binding.exchange, name)
            self.state.queue_bindings_delete(name)

    def delete_exchange(self, exchange: str) -> None:
        with self.lock:
            for binding in [key for key in self.state.bindings or () if key.exchange == exchange]:
                self.state.binding_delete(*binding)
            self._exchanges.pop(exchange, None)

    def delete_owned_by(self, owner: object) -> None:
        with self.lock:
            self._delete(name for name, queue in self._queues.items() if queue.owner is owner)

    def add_consumer(self, name: str, tag: object, wake: Callable[[], None]) -> bool:
        """Has `wake` called, from any thread, whenever a message arrives. False when there is no such queue."""
        with self.lock:
            queue = self._queues.get(name)
            if queue is not None:
                queue.consumers[tag] = wake
            return queue is not None

    def remove_consumer(self, name: str, tag: object) -> None:
        """The last consumer of an auto-delete queue takes it along."""
        with self.lock:
            queue = self._queues.get(name)
            if queue is not None and queue.remove_consumer(tag) and queue.options.auto_delete:
                self.delete(name)

    def _unroute(self, exchange: str, name: str) -> None:
        """Replaces the routing table as a whole, for another thread may be walking through the old one."""
        known = self._exchanges.get(exchange)
        if known is not None:
            known["table"] = [route for route in known["table"] if route[2] != name]

    def _delete_expired(self) -> None:
        self._delete(name for name, queue in self._queues.items() if queue.expired)

    def _delete(self, names: Iterable[str]) -> None:
        for name in list(names):
            self.delete(name)


def _copy(message: RawMessage) -> RawMessage:
    """What consumers change in place (headers, delivery information) must not reach the other queues of a fan-out."""
    properties = message["properties"]
    own = {**properties, "delivery_info": dict(properties["delivery_info"])}
    return {**message, "headers": dict(message["headers"]), "properties": own}
