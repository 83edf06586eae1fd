from appliance.db.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from appliance.services.webhook_cleanup import STEP
from tests.services.webhooks import Hooks
from tests.webhook_receiver import WebhookReceiver

URL = "https://example.com/hooks"


def rows(hooks: Hooks) -> tuple[int, int, int]:
    """Endpoints, deliveries, attempts."""
    with hooks.database.read() as session:
        counts = [session.query(model).count() for model in (WebhookEndpoint, WebhookDelivery, WebhookAttempt)]
    return counts[0], counts[1], counts[2]


def now_is_real(hooks: Hooks) -> None:
    """Ids carry the real time, and the log goes by it."""
    hooks.clock.now = hooks.clock.now.now(hooks.clock.now.tzinfo)


def test_log_is_kept_for_its_age_and_not_longer(hooks: Hooks, receiver: WebhookReceiver) -> None:
    now_is_real(hooks)
    hooks.endpoint(receiver)
    hooks.happen(count=3)
    hooks.turn()

    hooks.clock.advance(days=29)
    young = hooks.cleanup.run()
    hooks.clock.advance(days=2)
    old = hooks.cleanup.run()

    assert (young["removed"], old["removed"]) == (0, 3)
    assert rows(hooks) == (1, 0, 0)


def test_what_waits_is_not_removed_whatever_its_age(hooks: Hooks) -> None:
    now_is_real(hooks)
    endpoint = hooks.endpoint(URL)
    hooks.add_delivery(endpoint.id)
    hooks.clock.advance(days=31)

    assert hooks.cleanup.run() == {"given_up": 0, "removed": 0}


def test_more_than_one_step_is_removed(hooks: Hooks) -> None:
    now_is_real(hooks)
    endpoint = hooks.endpoint(URL)
    hooks.add_deliveries(STEP + 1, endpoint.id, state="delivered", due_at=None)
    hooks.clock.advance(days=31)

    assert hooks.cleanup.run()["removed"] == STEP + 1


def test_what_waited_a_day_for_a_paused_endpoint_is_given_up_and_can_be_replayed(
    hooks: Hooks, receiver: WebhookReceiver
) -> None:
    endpoint = hooks.endpoint(receiver)
    hooks.happen()
    hooks.endpoints.pause(endpoint.id)
    since = hooks.clock()
    hooks.clock.advance(hours=23)
    early = hooks.cleanup.run()
    hooks.clock.advance(hours=1)

    late = hooks.cleanup.run()

    assert (early["given_up"], late["given_up"], hooks.states(endpoint.id)) == (0, 1, ["failed"])
    hooks.endpoints.resume(endpoint.id)
    assert hooks.replay.failed_since(endpoint.id, since) == 1


def test_deleted_endpoint_goes_with_its_log(hooks: Hooks, receiver: WebhookReceiver) -> None:
    gone, kept = hooks.endpoint(receiver), hooks.endpoint(receiver)
    hooks.happen(count=2)
    hooks.turn()
    hooks.happen()
    hooks.endpoints.delete(gone.id)

    assert hooks.cleanup.run()["removed"] == 3
    assert rows(hooks) == (1, 3, 2)
    assert len(hooks.deliveries(kept.id)) == 3
