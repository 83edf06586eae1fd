from queue import Empty
from typing import Any

import pytest

from appliance.tasks.queues import Broker, MessageQueue, QueueOptions


def message(text: str) -> dict[str, Any]:
    return {"body": text, "headers": {}, "properties": {"delivery_info": {}}}


def drained(queue: MessageQueue) -> list[str]:
    return [queue.get()["body"] for _ in range(len(queue))]


def test_higher_priority_comes_first_and_order_is_kept_within_one() -> None:
    queue = MessageQueue("q", QueueOptions())

    for text, priority in (("low 1", 0), ("high 1", 9), ("low 2", 0), ("high 2", 9), ("middle", 5)):
        queue.put(message(text), priority)

    assert drained(queue) == ["high 1", "high 2", "middle", "low 1", "low 2"]


def test_message_given_back_comes_before_the_others_of_its_priority() -> None:
    queue = MessageQueue("q", QueueOptions())
    queue.put(message("waiting"), 0)

    queue.put(message("given back"), 0, first=True)

    assert drained(queue) == ["given back", "waiting"]


def test_full_queue_drops_the_oldest_of_the_lowest_priority() -> None:
    queue = MessageQueue("q", QueueOptions(max_length=2))

    for text, priority in (("high", 9), ("old", 0), ("new", 0)):
        queue.put(message(text), priority)

    assert drained(queue) == ["high", "new"]


def test_message_past_its_time_to_live_is_not_delivered() -> None:
    queue = MessageQueue("q", QueueOptions(message_ttl=0.0))
    queue.put(message("news of yesterday"), 0)

    with pytest.raises(Empty):
        queue.get()

    assert len(queue) == 0


def test_queue_without_a_reader_is_bounded_unless_durable() -> None:
    durable = QueueOptions.from_declaration(True, False, {})
    transient = QueueOptions.from_declaration(False, True, {})
    asked = QueueOptions.from_declaration(False, True, {"x-max-length": 3, "x-expires": 60_000, "x-message-ttl": 5_000})

    assert durable.max_length is None
    assert transient.max_length == 5_000
    assert (asked.max_length, asked.expires, asked.message_ttl) == (3, 60.0, 5.0)


def test_message_to_an_unknown_queue_is_dropped() -> None:
    broker = Broker()

    broker.put("nobody", message("lost"), 0)

    assert broker.sizes() == {}


def test_queue_unused_for_longer_than_it_was_declared_for_goes_at_the_next_declaration() -> None:
    broker = Broker()
    broker.declare("replies", QueueOptions(expires=-1.0))

    broker.declare("other", QueueOptions())

    assert broker.sizes() == {"other": 0}


def test_queue_with_a_consumer_does_not_expire() -> None:
    broker = Broker()
    broker.declare("events", QueueOptions(expires=-1.0))
    broker.add_consumer("events", "tag", lambda: None)

    broker.put("events", message("kept"), 0)

    assert broker.sizes() == {"events": 1}


def test_fanned_out_message_may_be_changed_by_one_reader() -> None:
    broker = Broker()
    broker.declare("one", QueueOptions())
    broker.declare("two", QueueOptions())
    shared = message("news")
    broker.put("one", shared, 0)
    broker.put("two", shared, 0)

    broker.get("one")["headers"]["seen"] = True

    assert broker.get("two")["headers"] == {}


def test_queues_that_go_with_their_consumers_are_not_among_the_lasting_ones() -> None:
    broker = Broker()
    broker.declare("tasks", QueueOptions(durable=True))
    broker.declare("events.0b1f", QueueOptions(auto_delete=True))
    broker.put("tasks", message("one"), 0)

    assert broker.lasting_sizes() == {"tasks": 1}
