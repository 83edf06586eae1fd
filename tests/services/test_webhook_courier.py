"""From the claim to the receiver and into the log: signed, tried again, given up, paused."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from appliance.config.webhook_settings import WebhookSettings
from appliance.db.database import Database
from appliance.db.models import WebhookEndpoint
from appliance.db.queries import webhook_queue
from appliance.errors import StorageUnavailable
from appliance.services.webhook_record import DEAD, GONE
from tests.fakes import NOON, FakeClock
from tests.services.webhooks import LOCAL, Hooks
from tests.services_up import needs_postgres
from tests.webhook_receiver import WebhookReceiver, answer_with


def test_receiver_gets_what_was_written_signed(hooks: Hooks, receiver: WebhookReceiver) -> None:
    hooks.clock.now = hooks.clock.now.now(hooks.clock.now.tzinfo)  # a verifier refuses what is older than 5 minutes
    endpoint = hooks.endpoint(receiver)
    hooks.happen()

    hooks.turn()

    [received] = receiver.received
    [delivery] = hooks.deliveries(endpoint.id)
    assert Webhook(endpoint.secret).verify(received.body, received.headers) == json.loads(delivery.payload)
    assert received.webhook_id == delivery.id
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("Postroom/")


def test_log_has_the_attempt(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [answer_with(200, b"thank you")]
    endpoint = hooks.endpoint(receiver)
    hooks.happen()

    hooks.turn()

    [delivery] = hooks.deliveries(endpoint.id)
    [attempt] = hooks.attempts(delivery.id)
    assert (delivery.state, delivery.attempts, delivery.due_at, delivery.finished_at) == ("delivered", 1, None, NOON)
    assert (attempt.number, attempt.status_code, attempt.answer, attempt.error) == (1, 200, "thank you", "")


def test_events_come_in_their_order_over_one_connection(database: Database, clock: FakeClock) -> None:
    hooks = Hooks(database, clock, LOCAL.model_copy(update={"per_endpoint": 1}))
    with WebhookReceiver() as receiver:
        endpoint = hooks.endpoint(receiver)
        hooks.happen(count=10)

        hooks.turn()

    assert receiver.ids == [one.id for one in hooks.deliveries(endpoint.id)]
    assert len({one.connection for one in receiver.received}) == 1


def test_refused_webhook_is_tried_again_after_its_wait(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500, 503, 204]
    endpoint = hooks.endpoint(receiver)
    hooks.happen()
    hooks.turn()

    [delivery] = hooks.deliveries(endpoint.id)
    assert (delivery.state, delivery.attempts, delivery.claim_id) == ("pending", 1, None)
    assert delivery.due_at is not None
    assert timedelta(seconds=4.5) <= delivery.due_at - NOON <= timedelta(seconds=5)
    for seconds in (4, 1, 200, 100):
        hooks.clock.advance(seconds=seconds)
        hooks.turn()

    assert len(set(receiver.ids)) == 1
    assert [one.status_code for one in hooks.attempts(delivery.id)] == [500, 503, 204]
    assert hooks.states(endpoint.id) == ["delivered"]


def test_webhook_is_tried_for_a_day_and_then_given_up(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500] * 100
    endpoint = hooks.endpoint(receiver)
    hooks.happen()

    hooks.pass_time(hours=24)

    assert hooks.states(endpoint.id) == ["failed"]
    assert len(receiver.received) == len(WebhookSettings().retry_seconds) + 1


def test_endpoint_that_accepts_nothing_for_a_day_is_paused(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500] * 100
    with WebhookReceiver() as other:
        dead, watching = hooks.endpoint(receiver), hooks.endpoint(other, "webhook.paused")
        hooks.happen()

        with capture_logs() as log:
            hooks.pass_time(hours=24)

        stored = hooks.stored(dead.id)
        [told] = hooks.deliveries(watching.id)
        assert (stored.active, stored.paused_reason) == (False, DEAD)
        assert [line["log_level"] for line in log if line["event"] == "webhook endpoint paused"] == ["error"]
        assert json.loads(told.payload)["data"] == {"id": dead.id, "host": "127.0.0.1", "reason": DEAD}
        assert other.ids == [told.id]


def test_endpoint_that_accepts_something_meanwhile_is_not_paused(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500] * 7 + [204] + [500]
    endpoint = hooks.endpoint(receiver)
    hooks.happen()
    hooks.pass_time(hours=20)
    hooks.happen()

    hooks.pass_time(hours=24)

    assert hooks.states(endpoint.id) == ["failed", "delivered"]
    assert hooks.stored(endpoint.id).active


def test_gone_pauses_at_once(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [410]
    endpoint = hooks.endpoint(receiver)
    hooks.happen(count=3)

    hooks.turn()

    stored = hooks.stored(endpoint.id)
    assert (stored.active, stored.paused_reason, len(receiver.received)) == (False, GONE, 1)
    assert sorted(hooks.states(endpoint.id)) == ["failed", "pending", "pending"]


def test_resumed_endpoint_gets_what_waited(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [410]
    endpoint = hooks.endpoint(receiver)
    hooks.happen(count=3)
    hooks.turn()

    hooks.endpoints.resume(endpoint.id)
    hooks.turn()

    assert sorted(hooks.states(endpoint.id)) == ["delivered", "delivered", "failed"]


def test_backlog_of_a_dead_endpoint_does_not_knock_without_a_pause(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500] * 1000
    endpoint = hooks.endpoint(receiver)
    hooks.happen(count=300)

    for _ in range(60):
        hooks.turn()
        hooks.clock.advance(seconds=1)

    assert len(receiver.received) < 40
    assert hooks.stored(endpoint.id).rests_until is not None


def test_endpoint_that_works_again_is_not_left_alone_any_longer(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500] * 4
    endpoint = hooks.endpoint(receiver)
    hooks.happen(count=50)
    hooks.turn()
    hooks.clock.advance(minutes=10)

    hooks.turn()

    stored = hooks.stored(endpoint.id)
    assert set(hooks.states(endpoint.id)) == {"delivered"}
    assert (stored.failures, stored.failing_since, stored.rests_until) == (0, None, None)


def test_death_between_the_post_and_its_record_sends_it_again_under_the_same_id(
    hooks: Hooks, receiver: WebhookReceiver, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = hooks.endpoint(receiver)
    hooks.happen()
    [claim] = hooks.claim()
    writes = iter([database.write])  # the one that begins the delivery; then the power is cut

    def write(fn: object) -> object:
        try:
            return next(writes)(fn)  # type: ignore[arg-type]
        except StopIteration:
            raise StorageUnavailable("the power is cut") from None

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", write)
        with pytest.raises(StorageUnavailable):
            hooks.send(claim)
    hooks.clock.advance(seconds=hooks.queue.lease_seconds)
    hooks.turn()

    [delivery] = hooks.deliveries(endpoint.id)
    assert receiver.ids == [delivery.id, delivery.id]
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


def test_second_task_for_the_same_claim_sends_nothing(hooks: Hooks, receiver: WebhookReceiver) -> None:
    hooks.endpoint(receiver)
    hooks.happen()
    [claim] = hooks.claim()

    counts = [hooks.send(claim) for _ in range(2)]

    assert counts == [{"delivered": 1}, {}]
    assert len(receiver.received) == 1


def test_worker_that_lost_its_claim_leaves_it_to_the_other(hooks: Hooks, receiver: WebhookReceiver) -> None:
    hooks.endpoint(receiver)
    hooks.happen()
    [late] = hooks.claim()
    hooks.clock.advance(seconds=hooks.queue.lease_seconds)
    [claim] = hooks.claim()

    counts = [hooks.send(late), hooks.send(claim)]

    assert counts == [{}, {"delivered": 1}]


def test_stop_gives_back_what_was_not_begun(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint = hooks.endpoint(receiver)
    hooks.happen(count=3)
    claims = hooks.claim()
    hooks.draining = True

    for claim in claims:
        hooks.send(claim)

    assert receiver.received == []
    assert {one.claim_id for one in hooks.deliveries(endpoint.id)} == {None}
    assert len(hooks.claim()) == 3


def test_endpoint_paused_while_its_batch_is_sent_gets_no_more(database: Database, clock: FakeClock) -> None:
    hooks = Hooks(database, clock, LOCAL.model_copy(update={"per_endpoint": 1}))
    with WebhookReceiver() as receiver:
        endpoint = hooks.endpoint(receiver)

        def pause_and_accept(handler: Any) -> None:
            hooks.endpoints.pause(endpoint.id)
            answer_with(204)(handler)

        receiver.answers = [pause_and_accept]
        hooks.happen(count=5)

        hooks.turn()

    assert len(receiver.received) == 1
    assert sorted(hooks.states(endpoint.id)) == ["delivered", *["pending"] * 4]


def test_both_secrets_sign_for_a_day_after_a_change(hooks: Hooks, receiver: WebhookReceiver) -> None:
    old = hooks.endpoint(receiver)
    new = hooks.endpoints.replace_secret(old.id)

    hooks.happen()
    hooks.turn()
    hooks.clock.advance(hours=24)
    hooks.happen()
    hooks.turn()

    first, second = (one.headers["webhook-signature"].split() for one in receiver.received)
    assert (len(first), len(second)) == (2, 1)
    assert new.secret != old.secret


def test_secret_of_another_key_is_said_and_nothing_is_sent(database: Database, clock: FakeClock) -> None:
    with WebhookReceiver() as receiver:
        endpoint = Hooks(database, clock).endpoint(receiver)
        hooks = Hooks(database, clock)  # with an encryption key of its own
        hooks.happen()

        hooks.turn()

    assert receiver.received == []
    assert "could not be signed" in hooks.deliveries(endpoint.id)[0].last_error


def test_addresses_of_this_machine_are_refused_unless_allowed(database: Database, clock: FakeClock) -> None:
    hooks = Hooks(database, clock, WebhookSettings(allow_http=True))
    with WebhookReceiver() as receiver:
        endpoint = hooks.endpoint(f"http://loopback.example:{receiver.port}/")
        allowing = Hooks(database, clock, LOCAL, vault=hooks.vault)
        allowing.endpoints.change(endpoint.id, {"url": receiver.url})
        hooks.happen()

        hooks.turn()

    assert receiver.received == []
    assert "not public" in hooks.deliveries(endpoint.id)[0].last_error


@needs_postgres
@pytest.mark.postgres
def test_all_of_it_works_on_postgresql(postgres_database: Database, clock: FakeClock) -> None:
    hooks = Hooks(postgres_database, clock)
    with WebhookReceiver(500, 204, answer_with(500, b"a\0b")) as receiver:
        endpoint, gone = hooks.endpoint(receiver), hooks.endpoint(receiver.url.replace("/hooks", "/gone"))
        hooks.endpoints.pause(gone.id)
        hooks.happen()
        hooks.pass_time(hours=1)
        first = hooks.states(endpoint.id)
        receiver.answers = [500] * 20
        hooks.happen()
        hooks.pass_time(hours=24)
        second, paused = hooks.states(endpoint.id), hooks.stored(endpoint.id)
        cleaned = hooks.cleanup.run()
        receiver.answers = []
        hooks.endpoints.resume(endpoint.id)
        replayed = hooks.replay.failed_since(endpoint.id, NOON)
        hooks.turn()
        hooks.endpoints.delete(gone.id)
        hooks.cleanup.run()

    assert (first, second, hooks.states(endpoint.id)) == (
        ["delivered"],
        ["delivered", "failed"],
        ["delivered", "delivered"],
    )
    assert (paused.active, paused.paused_reason) == (False, DEAD)
    assert cleaned["given_up"] >= 1
    assert replayed == 1
    with postgres_database.read() as session:
        assert session.get(WebhookEndpoint, gone.id) is None
        assert webhook_queue.backlog(session, 10) == (0, None)


def test_receiver_that_asks_for_time_gets_it(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [answer_with(500, Retry_After="600")]
    endpoint = hooks.endpoint(receiver)
    hooks.happen()

    hooks.turn()
    hooks.pass_time(seconds=590)
    too_early = len(receiver.received)
    hooks.pass_time(seconds=11)

    assert (too_early, len(receiver.received), hooks.states(endpoint.id)) == (1, 2, ["delivered"])


@pytest.mark.parametrize(("status", "others_wait"), [(429, True), (503, True), (500, False)])
def test_receiver_that_is_overloaded_gets_nothing_else_meanwhile(
    hooks: Hooks, receiver: WebhookReceiver, status: int, others_wait: bool
) -> None:
    receiver.answers = [answer_with(status, Retry_After="600")]
    endpoint = hooks.endpoint(receiver)
    hooks.happen()
    hooks.turn()

    hooks.happen()
    hooks.turn()

    assert hooks.states(endpoint.id) == ["pending", "pending" if others_wait else "delivered"]
    hooks.pass_time(seconds=601)
    assert hooks.states(endpoint.id) == ["delivered", "delivered"]


def test_receiver_that_asks_for_ever_waits_a_day(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [answer_with(503, Retry_After="99999999")]
    endpoint = hooks.endpoint(receiver)
    hooks.happen()
    hooks.turn()

    [delivery] = hooks.deliveries(endpoint.id)

    assert delivery.due_at == hooks.clock() + timedelta(hours=24)


def test_attempts_are_counted_by_outcome(hooks: Hooks, receiver: WebhookReceiver) -> None:
    receiver.answers = [500]
    hooks.endpoint(receiver)
    hooks.happen()

    hooks.pass_time(seconds=10)

    assert dict(hooks.courier.outcomes) == {"not_accepted": 1, "delivered": 1}


def test_backlog_is_told_with_its_oldest(hooks: Hooks, receiver: WebhookReceiver) -> None:
    endpoint, other = hooks.endpoint(receiver), hooks.endpoint(receiver)
    began = hooks.clock()
    hooks.add_delivery(endpoint.id)
    hooks.clock.advance(minutes=5)
    hooks.add_deliveries(3, other.id)

    with hooks.database.read() as session:
        assert webhook_queue.backlog(session, 100) == (4, began)
        assert webhook_queue.backlog(session, 2) == (2, began)
    hooks.turn()
    with hooks.database.read() as session:
        assert webhook_queue.backlog(session, 100) == (0, None)


def test_backlog_of_many_is_told_by_indexes_alone(hooks: Hooks, receiver: WebhookReceiver) -> None:
    hooks.add_deliveries(3, hooks.endpoint(receiver).id)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with hooks.database.read() as session:
        event.listen(session.get_bind(), "before_cursor_execute", note)
        webhook_queue.backlog(session, 100)
        event.remove(session.get_bind(), "before_cursor_execute", note)
        connection = session.connection()
        plans = [
            " / ".join(
                str(step[3]) for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            )
            for statement, parameters in asked
        ]

    count, oldest = plans
    assert "INDEX ix_webhook_deliveries_due" in count
    assert "INDEX ix_webhook_deliveries_state (endpoint_id=? AND state=?)" in oldest
    assert "SCAN webhook_deliveries" not in oldest
