"""Claims: bounded, fair, given back when nobody takes them, found again after a crash."""

import threading
from collections.abc import Callable

import pytest

from appliance.config.webhook_settings import WebhookSettings
from appliance.db.database import Database
from appliance.errors import Unavailable
from appliance.services.webhook_queue import WebhookClaim
from tests.fakes import FakeClock
from tests.services.webhooks import Hooks
from tests.services_up import needs_postgres

URL = "https://93.184.216.34/hooks"


def make(database: Database, clock: FakeClock, **settings: int) -> Hooks:
    return Hooks(database, clock, WebhookSettings(**settings))


def refuse(_: WebhookClaim) -> None:
    raise Unavailable("no broker")


def sizes(claims: list[WebhookClaim]) -> list[int]:
    return sorted(len(claim.delivery_ids) for claim in claims)


def test_nothing_due_is_nothing_claimed(hooks: Hooks) -> None:
    hooks.endpoint(URL)

    assert hooks.claim() == []


def test_what_is_due_is_divided_over_the_slots_of_its_endpoint(database: Database, clock: FakeClock) -> None:
    hooks = make(database, clock, per_endpoint=4, batch_size=20)
    endpoint = hooks.endpoint(URL)
    hooks.add_deliveries(10, endpoint.id)

    claims = hooks.claim()

    assert sizes(claims) == [1, 3, 3, 3]
    assert hooks.claim() == []


def test_slow_endpoint_leaves_slots_to_the_others(database: Database, clock: FakeClock) -> None:
    hooks = make(database, clock, concurrency=3, per_endpoint=2, batch_size=1)
    slow, other = hooks.endpoint(URL), hooks.endpoint(URL)
    hooks.add_deliveries(10, slow.id)
    first = hooks.claim()
    hooks.add_delivery(other.id)

    second = hooks.claim()

    assert (len(first), len(second)) == (2, 1)
    assert second[0].delivery_ids[0] == hooks.deliveries(other.id)[0].id


def test_all_endpoints_together_have_so_many_slots(database: Database, clock: FakeClock) -> None:
    hooks = make(database, clock, concurrency=3, per_endpoint=2, batch_size=1)
    for _ in range(3):
        endpoint = hooks.endpoint(URL)
        hooks.add_deliveries(5, endpoint.id)

    assert len(hooks.claim()) == 3


def test_oldest_goes_first(database: Database, clock: FakeClock) -> None:
    hooks = make(database, clock, per_endpoint=1, batch_size=2)
    endpoint = hooks.endpoint(URL)
    clock.advance(minutes=1)
    late = hooks.add_delivery(endpoint.id)
    clock.advance(minutes=-1)
    early = hooks.add_delivery(endpoint.id)
    clock.advance(minutes=2)

    [claim] = hooks.claim()

    assert claim.delivery_ids == (early, late)


@pytest.mark.parametrize("stop", ["pause", "delete"])
def test_endpoint_out_of_use_is_left_alone(hooks: Hooks, stop: str) -> None:
    endpoint = hooks.endpoint(URL)
    hooks.add_delivery(endpoint.id)
    change: Callable[[str], None] = getattr(hooks.endpoints, stop)
    change(endpoint.id)

    assert hooks.claim() == []


def test_what_no_broker_takes_is_due_again(hooks: Hooks) -> None:
    endpoint = hooks.endpoint(URL)
    hooks.add_deliveries(3, endpoint.id)

    with pytest.raises(Unavailable):
        hooks.queue.turn(refuse)

    assert sizes(hooks.claim()) == [1, 1, 1]


def test_turn_hands_over_every_claim(hooks: Hooks) -> None:
    endpoint = hooks.endpoint(URL)
    hooks.add_delivery(endpoint.id)
    handed: list[WebhookClaim] = []

    more = [hooks.queue.turn(handed.append) for _ in range(2)]

    assert more == [True, False]
    assert sizes(handed) == [1]


def test_claim_whose_task_was_lost_comes_back_when_its_lease_is_over(hooks: Hooks, clock: FakeClock) -> None:
    endpoint = hooks.endpoint(URL)
    hooks.add_delivery(endpoint.id)
    hooks.claim()

    before = hooks.claim()
    clock.advance(seconds=hooks.queue.lease_seconds)

    assert before == []
    assert sizes(hooks.claim()) == [1]


def test_new_process_brings_back_the_claims_of_its_box_at_once(database: Database, clock: FakeClock) -> None:
    died, other_box = Hooks(database, clock), Hooks(database, clock, box_id="otherbox")
    endpoint = died.endpoint(URL)
    mine, theirs = died.add_delivery(endpoint.id), ""
    died.claim()
    theirs = died.add_delivery(endpoint.id)
    other_box.claim()
    handed: list[WebhookClaim] = []

    Hooks(database, clock).queue.turn(handed.append)

    assert [claim.delivery_ids for claim in handed] == [(mine,)]
    assert theirs not in {one for claim in handed for one in claim.delivery_ids}


@needs_postgres
@pytest.mark.postgres
def test_two_boxes_never_claim_the_same(postgres_database: Database, clock: FakeClock) -> None:
    boxes = [Hooks(postgres_database, clock, box_id=f"box{number}") for number in range(4)]
    endpoint = boxes[0].endpoint(URL)
    boxes[0].add_deliveries(200, endpoint.id)
    claimed: list[WebhookClaim] = []

    threads = [threading.Thread(target=lambda box=box: claimed.extend(box.claim())) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ids = [one for claim in claimed for one in claim.delivery_ids]
    held = {one.id: one.claim_id for one in boxes[0].deliveries(endpoint.id)}
    assert len(ids) == len(set(ids)) > 0
    assert all(held[one] == claim.id for claim in claimed for one in claim.delivery_ids)


@needs_postgres
@pytest.mark.postgres
def test_boxes_together_keep_to_the_slots_of_an_endpoint(postgres_database: Database, clock: FakeClock) -> None:
    one_at_a_time = WebhookSettings(per_endpoint=1, batch_size=1)
    boxes = [Hooks(postgres_database, clock, one_at_a_time, box_id=f"box{number}") for number in range(4)]
    endpoint = boxes[0].endpoint(URL)
    boxes[0].add_deliveries(20, endpoint.id)
    claimed: list[WebhookClaim] = []

    threads = [threading.Thread(target=lambda box=box: claimed.extend(box.claim())) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sizes(claimed) == [1]
