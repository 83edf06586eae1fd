"""Tests, and what is sent once more."""

import json
import threading
from datetime import timedelta

import pytest

from appliance.db.queries import audit as audit_queries
from appliance.db.queries.audit import AuditFilters
from appliance.errors import NotFound, Unavailable, WrongState
from appliance.services.webhook_replay import MOST_TESTS, STEP
from tests.fakes import NOON
from tests.services.webhooks import Hooks
from tests.waiting import wait_until
from tests.webhook_receiver import WebhookReceiver, answer_with, hang


def failed(hooks: Hooks, endpoint_id: str, **overrides: object) -> str:
    fields = {"state": "failed", "due_at": None, "attempts": 8, "last_error": "no", "finished_at": NOON}
    return hooks.add_delivery(endpoint_id, **fields | overrides)


def test_test_shows_the_answer_and_stands_in_the_log(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [answer_with(200, b"hello")]
    endpoint = hooks.endpoint(receiver, "message.failed")

    report = hooks.replay.test(endpoint.id)

    [delivery] = hooks.deliveries(endpoint.id)
    assert (report.ok, report.status_code, report.answer, report.error) == (True, 200, "hello", "")
    assert (delivery.id, delivery.kind, delivery.state) == (report.delivery_id, "webhook.test", "delivered")
    assert json.loads(receiver.received[0].body)["type"] == "webhook.test"
    assert [one.status_code for one in hooks.attempts(delivery.id)] == [200]


def test_test_that_fails_says_why_and_does_not_count(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500]
    endpoint = hooks.endpoint(receiver)

    report = hooks.replay.test(endpoint.id)

    assert (report.ok, report.status_code) == (False, 500)
    assert "answered 500" in report.error
    assert hooks.states(endpoint.id) == ["failed"]
    assert hooks.stored(endpoint.id).failures == 0


def test_slow_receivers_do_not_keep_every_request_waiting(hooks: Hooks) -> None:
    with WebhookReceiver(*[hang] * MOST_TESTS) as slow:
        endpoint = hooks.endpoint(slow)
        waiting = [threading.Thread(target=hooks.replay.test, args=(endpoint.id,)) for _ in range(MOST_TESTS)]
        for thread in waiting:
            thread.start()
        wait_until(lambda: len(slow.received) == MOST_TESTS)

        with pytest.raises(Unavailable, match="try again"):
            hooks.replay.test(endpoint.id)
        slow.closing.set()
        for thread in waiting:
            thread.join()

        assert hooks.replay.test(endpoint.id).ok


def test_paused_endpoint_can_be_tested(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    hooks.endpoints.pause(endpoint.id)

    assert hooks.replay.test(endpoint.id).ok
    assert not hooks.stored(endpoint.id).active


@pytest.mark.parametrize("state", ["failed", "delivered"])
def test_delivery_is_sent_once_more_under_its_id(hooks: Hooks, receiver: WebhookReceiver, state: str) -> None:
    endpoint = hooks.endpoint(receiver)
    delivery_id = failed(hooks, endpoint.id, state=state)

    hooks.replay.one(delivery_id)
    hooks.turn()

    [delivery] = hooks.deliveries(endpoint.id)
    assert receiver.ids == [delivery_id]
    assert (delivery.state, delivery.attempts) == ("delivered", 9)


def test_replayed_delivery_has_all_its_attempts_before_it_again(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500]
    endpoint = hooks.endpoint(receiver)

    hooks.replay.one(failed(hooks, endpoint.id))
    hooks.turn()

    [delivery] = hooks.deliveries(endpoint.id)
    assert delivery.state == "pending"
    assert delivery.due_at is not None
    assert delivery.due_at - hooks.clock() <= timedelta(seconds=5)


def test_delivery_that_waits_is_sent_now(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    waiting = hooks.add_delivery(endpoint.id, due_at=NOON + timedelta(hours=5), attempts=4)

    hooks.replay.one(waiting)
    hooks.turn()

    assert receiver.ids == [waiting]


def test_delivery_that_is_being_sent_is_left_alone(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    delivery_id = hooks.add_delivery(endpoint.id)
    hooks.claim()

    with pytest.raises(WrongState, match="being sent"):
        hooks.replay.one(delivery_id)


def test_paused_endpoint_is_to_be_resumed_first(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    delivery_id = failed(hooks, endpoint.id)
    hooks.endpoints.pause(endpoint.id)

    with pytest.raises(WrongState, match="resume it first"):
        hooks.replay.one(delivery_id)
    with pytest.raises(WrongState, match="resume it first"):
        hooks.replay.failed_since(endpoint.id, NOON)


def test_all_that_failed_since_a_moment_is_sent_again(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint, other = hooks.endpoint(receiver), hooks.endpoint(receiver)
    failed(hooks, endpoint.id, created_at=NOON - timedelta(seconds=1))
    failed(hooks, other.id)
    wanted = [failed(hooks, endpoint.id) for _ in range(3)]
    failed(hooks, endpoint.id, state="delivered")

    counts = [hooks.replay.failed_since(endpoint.id, NOON) for _ in range(2)]
    hooks.turn()

    assert counts == [3, 0]
    assert sorted(receiver.ids) == sorted(wanted)


def test_more_than_one_step_is_replayed(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    hooks.add_deliveries(STEP + 1, endpoint.id, state="failed", due_at=None)

    assert hooks.replay.failed_since(endpoint.id, NOON) == STEP + 1


def test_what_belongs_to_another_key_is_not_there(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    delivery_id = failed(hooks, endpoint.id)

    with pytest.raises(NotFound):
        hooks.replay.one(delivery_id, api_key_id="key_other")
    with pytest.raises(NotFound):
        hooks.replay.test(endpoint.id, api_key_id="key_other")
    with pytest.raises(NotFound):
        hooks.replay.failed_since(endpoint.id, NOON, api_key_id="key_other")
    assert receiver.received == []


def test_every_one_of_them_leaves_an_entry_in_the_audit(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    hooks.replay.test(endpoint.id)
    hooks.replay.one(failed(hooks, endpoint.id))
    hooks.replay.failed_since(endpoint.id, NOON)

    with hooks.database.read() as session:
        entries, _ = audit_queries.page(session, AuditFilters(action="webhook."))
    assert [one.action for one in entries] == [
        "webhook.replayed",
        "webhook.replayed",
        "webhook.tested",
        "webhook.created",
    ]
