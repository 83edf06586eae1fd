import gevent
import pytest
from sqlalchemy import func, select

from appliance.db.database import Database
from appliance.db.models import Message, MessageTag, Recipient
from appliance.errors import FieldError, IdempotencyKeyReused, InvalidInput, StorageUnavailable
from appliance.services.batch import BatchAnswer, BatchSubmission
from appliance.services.idempotency import Once
from appliance.services.pace import Pace
from appliance.services.submit_message import Accepted, SubmitMessage
from tests.factories import submit_message
from tests.fakes import NOON
from tests.services.conftest import ACME, Chain, MakeChain
from tests.services_up import needs_postgres

WRONG = (FieldError("to[0]", "Write it as name@example.com."),)
ONCE = Once("key_acme", "monday", "the hash")


def batches_of(chain: Chain) -> BatchSubmission:
    return BatchSubmission(chain.database, chain.outbox, hostname="box.example", clock=chain.clock)


def letters(count: int) -> list[SubmitMessage]:
    return [submit_message(f"r{number}@example.com", tags=("news",)) for number in range(count)]


def count(database: Database, model: type) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def ids(answer: BatchAnswer) -> list[str]:
    return [one.id if isinstance(one, Accepted) else "" for one in answer.results]


def test_every_message_is_accepted_in_order(chain: Chain) -> None:
    answer = batches_of(chain).submit(letters(60), ACME)

    assert answer.accepted == 60
    assert [chain.detail(one).recipients[0].email for one in ids(answer)] == [f"r{n}@example.com" for n in range(60)]
    assert (chain.statuses(), count(chain.database, MessageTag)) == ({"queued": 60}, 60)
    assert ids(answer) == sorted(ids(answer))


def test_what_is_wrong_does_not_sink_the_others(chain: Chain) -> None:
    first, last = letters(2)

    answer = batches_of(chain).submit([first, WRONG, submit_message(account="acc_wrong"), last], ACME)

    assert [isinstance(one, Accepted) for one in answer.results] == [True, False, False, True]
    assert answer.results[1] == WRONG
    assert isinstance(answer.results[2], tuple)
    assert [error.field for error in answer.results[2]] == ["account"]
    assert chain.statuses() == {"queued": 2}


def test_atomic_batch_with_something_wrong_stores_nothing(chain: Chain) -> None:
    with pytest.raises(InvalidInput) as raised:
        batches_of(chain).submit([*letters(1), WRONG, submit_message(expires_at=NOON)], ACME, atomic=True)

    assert [error.field for error in raised.value.errors] == ["messages[1].to[0]", "messages[2].expires_at"]
    assert (count(chain.database, Message), count(chain.database, Recipient)) == (0, 0)


def test_batch_of_which_nothing_is_accepted_is_refused(chain: Chain) -> None:
    with pytest.raises(InvalidInput) as raised:
        batches_of(chain).submit([WRONG, (FieldError("", "must be an object"),)], ACME)

    assert [error.field for error in raised.value.errors] == ["messages[0].to[0]", "messages[1]"]


def test_same_key_gives_the_whole_answer_again(chain: Chain) -> None:
    items = [*letters(2), WRONG]
    first = batches_of(chain).submit(items, ACME, once=ONCE)
    chain.clock.advance(hours=23)

    again = batches_of(chain).submit(items, ACME, once=ONCE)

    assert (first.replayed, again.replayed, count(chain.database, Message)) == (False, True, 2)
    assert (ids(again), again.results[2]) == (ids(first), WRONG)


def test_same_key_with_another_body_is_refused(chain: Chain) -> None:
    batches_of(chain).submit(letters(1), ACME, once=ONCE)

    with pytest.raises(IdempotencyKeyReused, match="monday"):
        batches_of(chain).submit(letters(2), ACME, once=Once("key_acme", "monday", "another hash"))


def test_refused_batch_does_not_use_up_its_key(chain: Chain) -> None:
    with pytest.raises(InvalidInput):
        batches_of(chain).submit([WRONG], ACME, once=ONCE)

    assert not batches_of(chain).submit(letters(1), ACME, once=ONCE).replayed


def test_scheduled_and_suppressed_messages_say_so(chain: Chain) -> None:
    later = submit_message(send_at=NOON.replace(hour=20))

    answer = batches_of(chain).submit([later, submit_message()], ACME)

    assert [one.status for one in answer.results if isinstance(one, Accepted)] == ["scheduled", "queued"]


def test_dispatcher_is_told_of_the_batch(chain: Chain) -> None:
    batches_of(chain).submit(letters(1), ACME)

    assert chain.outbox._woken.is_set()


def test_others_are_served_while_a_large_batch_is_stored(chain: Chain) -> None:
    turns = 0

    def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0)

    counting = gevent.spawn(count_turns)
    batches_of(chain).submit(letters(1000), ACME)
    counting.kill()

    assert turns > 3
    assert chain.statuses() == {"queued": 1000}


def test_batch_is_whole_or_not_there_when_the_database_fails(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up after some of the statements."""

    def full(*_: object) -> None:
        raise StorageUnavailable("The disk is full.")

    monkeypatch.setattr(Pace, "step", full)

    with pytest.raises(StorageUnavailable):
        batches_of(chain).submit(letters(100), ACME)

    assert (count(chain.database, Message), count(chain.database, Recipient)) == (0, 0)


@needs_postgres
@pytest.mark.postgres
def test_many_equal_batches_at_once_are_one_on_postgresql(make_chain: MakeChain, postgres_database: Database) -> None:
    chain = make_chain(database=postgres_database)
    items = [*letters(30), (FieldError("a\0b\ud800", "There is no such field."),)]

    posts = [gevent.spawn(batches_of(chain).submit, items, ACME, once=ONCE) for _ in range(10)]
    gevent.joinall(posts, raise_error=True)

    assert len({tuple(ids(post.value)) for post in posts}) == 1
    assert {post.value.results[30] for post in posts} == {items[30]}
    assert (count(chain.database, Message), sum(not post.value.replayed for post in posts)) == (30, 1)
