"""The broker without a server: kombu's virtual transport over queues in memory, under the URL `inprocess://`.

kombu's own `memory://` looks for messages again and again; this one sleeps until a message for one of its consumers
arrives. `inprocess://name` is a broker of its own; tests keep apart with it.
"""

# mypy: allow-untyped-calls

import threading
import time
from collections.abc import Iterable
from queue import Empty
from typing import Any

from amqp.exceptions import NotFound, RecoverableConnectionError  # type: ignore[import-untyped]
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES, base, virtual

from appliance.tasks.queues import Broker, QueueOptions, RawMessage

SCHEME = "inprocess"
MAX_BURST = 0.005  # seconds of deliveries in a row before the other threads get a turn
GIVE_WAY = 0.0001  # seconds; with 0, gevent would come straight back, before sockets and timers had their turn
HURRIED_WAIT = 0.01  # seconds; long enough for the others to run

_brokers: dict[str, Broker] = {}


def register_transport() -> None:
    """Makes `inprocess://` known to kombu. Harmless when repeated."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def broker_named(name: str = "") -> Broker:
    """The broker that `inprocess://name` means, for as long as the process lives."""
    return _brokers.setdefault(name, Broker())


def _name_in(url: str) -> str:
    return url.partition("://")[2].strip("/")


def queue_sizes(name: str = "") -> dict[str, int]:
    """Tasks that wait in each queue of `inprocess://name` that is for tasks."""
    return broker_named(name).lasting_sizes()


def queue_table(url: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """The queues of the broker at `url` that exist among `names`: `name`, `messages`, `messages_ready`, `consumers`."""
    broker = broker_named(_name_in(url))
    sizes = broker.sizes()
    return [
        {
            "name": name,
            "messages": sizes[name],
            "messages_ready": sizes[name],
            "consumers": broker.consumer_count(name),
        }
        for name in names
        if name in sizes
    ]


def hurry(transport: object) -> None:
    """Tells our transport (any other is left alone) that its connection is about to be closed."""
    if isinstance(transport, Transport):
        transport.hurry()


class Channel(virtual.Channel):
    """A channel over the broker's queues."""

    supports_fanout = True
    do_restore = True
    body_encoding = None  # type: ignore[assignment]  # bytes stay bytes: nothing leaves the process

    @property
    def broker(self) -> Broker:
        return self.connection.broker  # type: ignore[no-any-return]

    def prepare_queue_arguments(self, arguments: dict[str, Any], **options: Any) -> dict[str, Any]:
        return base.to_rabbitmq_queue_arguments(arguments, **options)  # type: ignore[no-any-return]

    def queue_declare(self, queue: str | None = None, passive: bool = False, **options: Any) -> Any:
        declared = super().queue_declare(queue, passive, **options)
        return declared._replace(consumer_count=self.broker.consumer_count(declared.queue))

    def queue_delete(self, queue: str, if_unused: bool = False, if_empty: bool = False, **_: Any) -> None:
        if if_empty and self.broker.size(queue):
            return
        if if_unused and self.broker.consumer_count(queue):
            return
        self.broker.delete(queue)

    def exchange_delete(self, exchange: str, if_unused: bool = False, nowait: bool = False) -> None:  # noqa: ARG002
        self.broker.delete_exchange(exchange)

    def after_reply_message_received(self, queue: str) -> None:
        self.broker.delete(queue)

    def queue_bind(self, queue: str, *binding: Any, **options: Any) -> None:
        with self.broker.lock:
            super().queue_bind(queue, *binding, **options)

    def basic_consume(self, queue: str, no_ack: bool, callback: Any, consumer_tag: str, **options: Any) -> None:
        if not self.broker.add_consumer(queue, (id(self), consumer_tag), self.connection.wake):
            raise NotFound(f"NOT_FOUND - no queue {queue!r}", (60, 20))
        super().basic_consume(queue, no_ack, callback, consumer_tag, **options)
        self.connection.wake()  # what already waits has to be seen

    def basic_cancel(self, consumer_tag: str) -> None:
        queue = self._tag_to_queue.get(consumer_tag)
        super().basic_cancel(consumer_tag)
        if queue is not None:
            self.broker.remove_consumer(queue, (id(self), consumer_tag))

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        super().basic_ack(delivery_tag, multiple)
        self._room_in_prefetch()

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        super().basic_reject(delivery_tag, requeue)
        self._room_in_prefetch()

    def basic_qos(self, prefetch_size: int = 0, prefetch_count: int = 0, apply_global: bool = False) -> None:
        super().basic_qos(prefetch_size, prefetch_count, apply_global)
        self._room_in_prefetch()

    def _room_in_prefetch(self) -> None:
        if self.connection is not None:  # an ack may come after the channel was closed
            self.connection.wake()

    def _has_queue(self, queue: str, **_: Any) -> bool:
        return self.broker.exists(queue)

    def _new_queue(
        self,
        queue: str,
        durable: bool = False,
        auto_delete: bool = False,
        exclusive: bool = False,
        arguments: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        options = QueueOptions.from_declaration(durable, auto_delete, arguments or {})
        self.broker.declare(queue, options, owner=self.connection if exclusive else None)

    def _get(self, queue: str, timeout: float | None = None) -> RawMessage:  # noqa: ARG002
        message = self.broker.get(queue)
        message["properties"]["delivery_info"]["queue"] = queue  # where to give it back
        return message

    def _put(self, queue: str, message: RawMessage, **_: Any) -> None:
        self.broker.put(queue, message, self._get_message_priority(message))

    def _put_fanout(self, exchange: str, message: RawMessage, routing_key: str | None = None, **_: Any) -> None:
        for queue in self._lookup(exchange, routing_key):
            self._put(queue, message)

    def _queue_bind(self, *_: Any) -> None:
        """Nothing beyond the binding that the shared state already holds."""

    def _restore(self, message: virtual.Message) -> None:
        """Gives an unacknowledged message back to the head of the queue it was taken from."""
        raw = message.serializable()
        raw["properties"]["delivery_info"]["redelivered"] = True
        queue = raw["properties"]["delivery_info"]["queue"]
        self.broker.put(queue, raw, self._get_message_priority(raw), first=True)

    def _size(self, queue: str) -> int:
        return self.broker.size(queue)

    def _purge(self, queue: str) -> int:
        return self.broker.purge(queue)


class Transport(virtual.Transport):
    """A connection: the channels of one consumer, and the bell that rings when there is something for them."""

    Channel = Channel
    driver_type = SCHEME
    driver_name = SCHEME
    can_parse_url = True  # so that kombu adds no host, user and password to the URL
    implements = virtual.Transport.implements.extend(exchange_type=frozenset(["direct", "topic", "fanout"]))

    def __init__(self, client: Connection, **options: Any) -> None:
        super().__init__(client, **options)
        self.broker = broker_named(_name_in(client.hostname or ""))
        self.state = self.broker.state
        self._bell = threading.Event()
        self._hurried = False
        self._closed = False
        self._burst_until = 0.0

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:  # noqa: ARG002
        """There is no password in it."""
        return uri

    def driver_version(self) -> str:
        return "1"

    def establish_connection(self) -> "Transport":
        self._closed = False
        super().establish_connection()
        return self

    def close_connection(self, connection: "Transport") -> None:
        super().close_connection(connection)
        self.broker.delete_owned_by(self)
        self._closed = True
        self.wake()  # a drain_events that still waits has to learn of it

    def wake(self) -> None:
        self._bell.set()

    def hurry(self) -> None:
        """From now on `drain_events` delivers nothing and hardly waits: its loop sees soon that it has to end."""
        self._hurried = True
        self.wake()

    def drain_events(self, connection: "Transport", timeout: float | None = None, **_: Any) -> None:  # noqa: ARG002
        """Delivers one message.

        Raises:
            TimeoutError: none came within `timeout` seconds (None: ever).
            amqp.RecoverableConnectionError: the connection was closed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._hurried:
            self._bell.clear()  # before looking, so that no message between looking and waiting goes unnoticed
            try:
                self.cycle.get(self._deliver)  # type: ignore[union-attr]
            except Empty:
                self._await_bell(deadline)
            else:
                self._give_way()
                return
        time.sleep(HURRIED_WAIT)
        raise TimeoutError

    def _await_bell(self, deadline: float | None) -> None:
        remaining = None if deadline is None else deadline - time.monotonic()
        rung = self._bell.wait(remaining) if remaining is None or remaining > 0 else False
        if self._closed:
            raise RecoverableConnectionError("the connection to the in-process broker was closed")
        if not rung:
            raise TimeoutError

    def _give_way(self) -> None:
        """A consumer whose queue never runs dry never waits, and would starve every other greenlet."""
        if time.monotonic() > self._burst_until:
            time.sleep(GIVE_WAY)
            self._burst_until = time.monotonic() + MAX_BURST
