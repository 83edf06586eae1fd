"""The in-process transport, seen through kombu."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amqp.exceptions import NotFound, RecoverableConnectionError
from kombu import Connection, Consumer, Exchange, Producer, Queue

from appliance.tasks.broker import Broker, broker_named, hurry, queue_sizes, queue_table, register_transport
from tests.task_services import unique
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def name() -> str:
    register_transport()
    return unique("broker")


@pytest.fixture
def broker(name: str) -> Broker:
    return broker_named(name)


@pytest.fixture
def connection(name: str) -> Iterator[Connection]:
    with Connection(f"inprocess://{name}") as connection:
        yield connection


def publish(connection: Connection, queue: Queue, *bodies: Any, **options: Any) -> None:
    channel = connection.channel()
    queue(channel).declare()
    for body in bodies:
        Producer(channel).publish(body, exchange=queue.exchange, routing_key=queue.routing_key, **options)


def work_queue(name: str = "work") -> Queue:
    return Queue(name, Exchange(name, type="direct"), routing_key=name)


def news_queue(name: str, **options: Any) -> Queue:
    return Queue(name, Exchange("news", type="fanout", durable=False), durable=False, auto_delete=True, **options)


def received(connection: Connection, *queues: Queue, count: int, **options: Any) -> list[Any]:
    bodies: list[Any] = []
    channel = connection.channel()
    with Consumer(channel, list(queues), callbacks=[lambda body, _: bodies.append(body)], no_ack=True, **options):
        for _ in range(count):
            connection.drain_events(timeout=2)
    channel.close()
    return bodies


def test_published_message_reaches_its_consumer(connection: Connection) -> None:
    publish(connection, work_queue(), {"id": 1})

    assert received(connection, work_queue(), count=1) == [{"id": 1}]


def test_bytes_and_unicode_survive(connection: Connection) -> None:
    publish(connection, work_queue(), b"\x00\xff", content_type="application/data", content_encoding="binary")
    publish(connection, work_queue(), {"text": "Grüße, 你好"})

    assert received(connection, work_queue(), count=2) == [b"\x00\xff", {"text": "Grüße, 你好"}]


def test_high_priority_overtakes(connection: Connection) -> None:
    publish(connection, work_queue(), "low", priority=0)
    publish(connection, work_queue(), "high", priority=9)

    assert received(connection, work_queue(), count=2) == ["high", "low"]


def test_waiting_consumer_is_woken(connection: Connection, name: str) -> None:
    bodies: list[Any] = []
    asleep = threading.Event()

    def consume() -> None:
        with (
            Connection(f"inprocess://{name}") as own,
            Consumer(own.channel(), [work_queue()], callbacks=[lambda body, _: bodies.append(body)], no_ack=True),
        ):
            asleep.set()
            own.drain_events(timeout=None)  # for ever: only being woken ends it

    consumer = threading.Thread(target=consume)
    consumer.start()
    asleep.wait(2)
    publish(connection, work_queue(), "wake up")
    consumer.join(2)

    assert bodies == ["wake up"]
    assert not consumer.is_alive()


def test_fanout_reaches_every_bound_queue(connection: Connection) -> None:
    first, second = news_queue("first"), news_queue("second")
    channel = connection.channel()
    for queue in (first, second):
        queue(channel).declare()

    Producer(channel).publish("news", exchange="news")

    assert received(connection, first, count=1) == ["news"]
    assert received(connection, second, count=1) == ["news"]


def test_topic_exchange_routes_by_pattern(connection: Connection) -> None:
    exchange = Exchange("topics", type="topic")
    tasks = Queue("tasks", exchange, routing_key="task.#")
    channel = connection.channel()
    tasks(channel).declare()

    for key in ("worker.online", "task.sent"):
        Producer(channel).publish(key, exchange=exchange, routing_key=key)

    assert received(connection, tasks, count=1) == ["task.sent"]
    assert queue_sizes_of(connection) == {"tasks": 0}


def queue_sizes_of(connection: Connection) -> dict[str, int]:
    return queue_sizes(connection.as_uri().partition("://")[2])


def test_several_queues_of_one_consumer_are_all_served(connection: Connection) -> None:
    queues = [work_queue(name) for name in ("a", "b", "c")]
    for queue in queues:
        publish(connection, queue, *[queue.name] * 10)

    bodies = received(connection, *queues, count=6)

    assert set(bodies) == {"a", "b", "c"}


def test_each_message_goes_to_one_of_several_consumers(connection: Connection, name: str) -> None:
    with Connection(f"inprocess://{name}") as other:
        publish(connection, work_queue(), 1, 2)

        bodies = received(connection, work_queue(), count=1) + received(other, work_queue(), count=1)

    assert bodies == [1, 2]


def test_drain_times_out_without_a_message(connection: Connection) -> None:
    with Consumer(connection.channel(), [work_queue()], no_ack=True), pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.01)


def test_cancelled_consumer_gets_nothing_more(connection: Connection, broker: Broker) -> None:
    bodies: list[Any] = []
    consumer = Consumer(connection.channel(), [work_queue()], callbacks=[lambda body, _: bodies.append(body)])
    consumer.consume()
    consumer.cancel()

    publish(connection, work_queue(), "later")

    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.01)
    assert bodies == []
    assert broker.sizes() == {"work": 1}


def test_prefetch_count_is_kept_and_an_ack_makes_room(connection: Connection) -> None:
    messages: list[Any] = []
    publish(connection, work_queue(), 1, 2, 3)
    consumer = Consumer(connection.channel(), [work_queue()], callbacks=[lambda _, message: messages.append(message)])
    consumer.qos(prefetch_count=2)
    consumer.consume()
    connection.drain_events(timeout=1)
    connection.drain_events(timeout=1)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.01)

    messages[0].ack()
    connection.drain_events(timeout=1)

    assert [message.payload for message in messages] == [1, 2, 3]


def test_unacknowledged_messages_return_in_order_when_the_channel_closes(connection: Connection) -> None:
    publish(connection, work_queue(), 1, 2, 3)
    channel = connection.channel()
    Consumer(channel, [work_queue()], callbacks=[lambda *_: None]).consume()
    connection.drain_events(timeout=1)
    connection.drain_events(timeout=1)

    channel.close()

    messages: list[Any] = []
    with Consumer(connection.channel(), [work_queue()], callbacks=[lambda _, message: messages.append(message)]):
        for _ in range(3):
            connection.drain_events(timeout=1)
    assert [message.payload for message in messages] == [1, 2, 3]
    assert [message.delivery_info.get("redelivered", False) for message in messages] == [True, True, False]


def test_rejected_message_is_requeued_once(connection: Connection, broker: Broker) -> None:
    publish(connection, work_queue(), "again")
    with Consumer(connection.channel(), [work_queue()], callbacks=[lambda _, message: message.requeue()]):
        connection.drain_events(timeout=1)

    assert broker.sizes() == {"work": 1}


def test_unacknowledged_fanout_message_returns_to_its_own_queue_only(connection: Connection, broker: Broker) -> None:
    mine, theirs = news_queue("mine", expires=60), news_queue("theirs", expires=60)
    channel = connection.channel()
    for queue in (mine, theirs):
        queue.auto_delete = False
        queue(channel).declare()
    Producer(channel).publish("news", exchange="news")
    reading = connection.channel()
    Consumer(reading, [mine], callbacks=[lambda *_: None]).consume()
    connection.drain_events(timeout=1)

    reading.close()

    assert broker.sizes() == {"mine": 1, "theirs": 1}


def test_purge_empties_and_counts(connection: Connection, broker: Broker) -> None:
    publish(connection, work_queue(), 1, 2, 3)

    purged = work_queue()(connection.channel()).purge()

    assert purged == 3
    assert broker.sizes() == {"work": 0}


def test_last_consumer_takes_an_auto_delete_queue_and_its_bindings_along(
    connection: Connection, broker: Broker
) -> None:
    with Consumer(connection.channel(), [news_queue("passing")], no_ack=True):
        pass

    assert broker.sizes() == {}
    assert broker.state.bindings == {}
    assert broker.state.exchanges["news"]["table"] == []


def test_exclusive_queue_goes_with_its_connection(name: str, broker: Broker) -> None:
    with Connection(f"inprocess://{name}") as connection:
        Queue("mine", durable=False, exclusive=True)(connection.channel()).declare()
        before = broker.sizes()

    assert before == {"mine": 0}
    assert broker.sizes() == {}


def test_deleted_queue_is_gone_and_may_be_declared_again(connection: Connection, broker: Broker) -> None:
    publish(connection, work_queue(), "old")
    work_queue()(connection.channel()).delete()
    gone = broker.sizes()

    publish(connection, work_queue(), "new")

    assert gone == {}
    assert received(connection, work_queue(), count=1) == ["new"]


def test_deleted_exchange_is_bound_anew_when_declared_again(connection: Connection) -> None:
    publish(connection, work_queue(), "before")
    Exchange("work", type="direct")(connection.channel()).delete()

    publish(connection, work_queue(), "after")

    assert received(connection, work_queue(), count=2) == ["before", "after"]


def test_passive_declaration_of_an_unknown_queue_fails(connection: Connection) -> None:
    with pytest.raises(connection.channel_errors):
        connection.channel().queue_declare("unknown", passive=True)


def test_consuming_from_an_unknown_queue_fails(connection: Connection) -> None:
    with pytest.raises(NotFound):
        connection.channel().basic_consume("unknown", True, lambda _: None, "tag")


def test_declaration_tells_messages_and_consumers(connection: Connection) -> None:
    publish(connection, work_queue(), 1, 2)
    channel = connection.channel()
    Consumer(channel, [work_queue()], callbacks=[]).consume()

    declared = channel.queue_declare("work", passive=True)

    assert (declared.message_count, declared.consumer_count) == (2, 1)


def test_closing_a_connection_leaves_no_consumer_and_ends_a_waiting_drain(name: str, broker: Broker) -> None:
    ended: list[BaseException] = []
    connection = Connection(f"inprocess://{name}")
    Consumer(connection.channel(), [work_queue()], callbacks=[lambda *_: None]).consume()
    transport = connection.transport

    def drain() -> None:
        try:
            transport.drain_events(transport, timeout=None)
        except RecoverableConnectionError as error:
            ended.append(error)

    waiting = threading.Thread(target=drain)
    waiting.start()
    wait_until(lambda: broker.consumer_count("work") == 1)
    connection.close()
    connection.close()
    waiting.join(2)

    assert broker.consumer_count("work") == 0
    assert len(ended) == 1
    assert transport.channels == []


def test_hurried_connection_stops_waiting(connection: Connection) -> None:
    Consumer(connection.channel(), [work_queue()], callbacks=[lambda *_: None]).consume()

    hurry(connection.transport)

    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=3600)


def test_consumer_that_stopped_reading_costs_bounded_memory(connection: Connection, broker: Broker) -> None:
    channel = connection.channel()
    Consumer(channel, [news_queue("unread", max_length=10)], no_ack=True).consume()
    producer = Producer(channel)

    for number in range(50):
        producer.publish(number, exchange="news")

    assert broker.sizes() == {"unread": 10}


def test_busy_consumer_gives_way_to_others(connection: Connection) -> None:
    publish(connection, work_queue(), *range(2000))
    turns: list[int] = []
    bodies: list[int] = []
    done = threading.Event()

    def neighbour() -> None:
        while not done.is_set():
            turns.append(len(bodies))
            time.sleep(0.001)

    thread = threading.Thread(target=neighbour)
    with Consumer(connection.channel(), [work_queue()], callbacks=[lambda body, _: bodies.append(body)], no_ack=True):
        thread.start()
        for _ in range(2000):
            connection.drain_events(timeout=1)
    done.set()
    thread.join()

    assert len([turn for turn in turns if 0 < turn < 2000]) > 2


def test_brokers_of_different_names_do_not_meet(connection: Connection) -> None:
    with Connection(f"inprocess://{unique('other')}") as other:
        publish(other, work_queue(), "elsewhere")

        assert queue_sizes_of(connection) == {}


def test_queue_table_shows_the_named_queues(connection: Connection) -> None:
    publish(connection, work_queue(), 1, 2)

    table = queue_table(connection.as_uri(), ["work", "unknown"])

    assert table == [{"name": "work", "messages": 2, "messages_ready": 2, "consumers": 0}]


def test_url_is_shown_as_it_was_configured() -> None:
    register_transport()

    assert Connection("inprocess://").as_uri() == "inprocess://"


PLAIN_THREADS = """
import threading
from kombu import Connection, Consumer, Producer, Queue
from appliance.tasks.broker import queue_sizes, register_transport

register_transport()
queue, bodies, lock = Queue("work"), [], threading.Lock()

def keep(body, message):
    with lock:
        bodies.append(body)
    message.ack()

def produce(start):
    with Connection("inprocess://") as connection:
        producer = Producer(connection.channel())
        for number in range(start, start + 500):
            producer.publish(number, routing_key="work", declare=[queue])

def consume():
    with Connection("inprocess://") as connection, Consumer(connection.channel(), [queue], callbacks=[keep]):
        while len(bodies) < 2000:
            try:
                connection.drain_events(timeout=0.2)
            except TimeoutError:
                pass

threads = [threading.Thread(target=produce, args=(start,)) for start in range(0, 2000, 500)]
threads += [threading.Thread(target=consume) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert sorted(bodies) == list(range(2000)), len(bodies)
assert queue_sizes() == {"work": 0}
print("all there, once each")
"""


def test_plain_threads_lose_and_double_nothing() -> None:
    """In a process of its own, for this one is patched by gevent."""
    result = subprocess.run(
        [sys.executable, "-c", PLAIN_THREADS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert result.stdout == "all there, once each\n", result.stderr
