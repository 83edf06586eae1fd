import gevent
import pytest
from sqlalchemy import func, select

from appliance.db.database import Database
from appliance.db.models import IdempotencyKey, Message, MessageAttachment, MessageTag, Recipient
from appliance.db.models.message import Priority
from appliance.errors import IdempotencyKeyReused, InvalidInput, StorageUnavailable
from appliance.mail.addresses import Address
from appliance.services.attachments import StoredFile
from appliance.services.submission import Accepted, Submitter
from tests.factories import submit_message
from tests.services.conftest import ACME, Chain, MakeChain
from tests.services_up import needs_postgres

GLOBEX = Submitter("key_globex")


def count(database: Database, model: type) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_accepted_message_is_in_the_outbox_with_all_that_was_said(chain: Chain) -> None:
    file = StoredFile("a.pdf", "application/pdf", 3, "ab" * 32, "logo")
    command = submit_message(
        "ann@example.com",
        cc=(Address("bob@example.com", "Bob"),),
        bcc=(Address("secret@example.com"),),
        reply_to=(Address("help@example.com", "Help"),),
        sender=Address("news@example.com", "News"),
        html="<p>Hällo</p>",
        headers={"X-Campaign": "spring"},
        tags=("news", "spring", "news"),
        metadata={"order": 7},
        priority=Priority.LOW,
        attachments=(file,),
    )

    accepted = chain.submission.submit(command, ACME)

    found = chain.detail(accepted.id)
    message = found.message
    assert (accepted.status, accepted.created_at, accepted.replayed) == ("queued", chain.clock(), False)
    assert (message.status, message.due_at, message.created_at) == ("queued", chain.clock(), chain.clock())
    assert (message.api_key_id, message.request_id) == ("key_acme", "req_1")
    assert (message.sender_email, message.sender_name) == ("news@example.com", "News")
    assert message.reply_to == [{"email": "help@example.com", "name": "Help"}]
    assert (message.headers, message.tags, message.meta) == ({"X-Campaign": "spring"}, ["news", "spring"], {"order": 7})
    assert (message.priority, message.size) == (Priority.LOW, len("Hello Ann") + len("<p>Hällo</p>".encode()))
    assert message.rfc_message_id.endswith("@box.example>")
    assert [(one.kind, one.email, one.name, one.status) for one in found.recipients] == [
        ("to", "ann@example.com", "", "pending"),
        ("cc", "bob@example.com", "Bob", "pending"),
        ("bcc", "secret@example.com", "", "pending"),
    ]
    assert found.body is not None
    assert (found.body.text, found.body.html) == ("Hello Ann", "<p>Hällo</p>")
    assert (count(chain.database, MessageTag), count(chain.database, MessageAttachment)) == (2, 1)


def test_same_key_and_body_gives_the_first_answer(chain: Chain) -> None:
    first = chain.submission.submit(submit_message(), ACME, "order-7")
    chain.clock.advance(hours=23)

    again = chain.submission.submit(submit_message(), ACME, "order-7")

    assert (again.id, again.status, again.created_at) == (first.id, first.status, first.created_at)
    assert (first.replayed, again.replayed, count(chain.database, Message)) == (False, True, 1)


def test_same_key_with_another_body_is_refused(chain: Chain) -> None:
    chain.submission.submit(submit_message(), ACME, "order-7")

    with pytest.raises(IdempotencyKeyReused, match="order-7"):
        chain.submission.submit(submit_message(text="Something else"), ACME, "order-7")

    assert count(chain.database, Message) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"bcc": (Address("eve@example.com"),)},
        {"headers": {"X-A": "1"}},
        {"metadata": {"a": 1}},
        {"priority": Priority.HIGH},
        {"attachments": (StoredFile("a", "text/plain", 1, "ab" * 32),)},
    ],
)
def test_every_field_is_part_of_the_body(chain: Chain, change: dict[str, object]) -> None:
    chain.submission.submit(submit_message(), ACME, "order-7")

    with pytest.raises(IdempotencyKeyReused):
        chain.submission.submit(submit_message(**change), ACME, "order-7")


def test_order_of_keys_does_not_make_another_body(chain: Chain) -> None:
    first = chain.submission.submit(submit_message(metadata={"a": 1, "b": 2}), ACME, "order-7")

    assert chain.submission.submit(submit_message(metadata={"b": 2, "a": 1}), ACME, "order-7").id == first.id


def test_expired_key_can_be_used_for_another_message(chain: Chain) -> None:
    first = chain.submission.submit(submit_message(), ACME, "order-7")
    chain.clock.advance(hours=24, seconds=1)

    second = chain.submission.submit(submit_message(text="Something else"), ACME, "order-7")
    again = chain.submission.submit(submit_message(text="Something else"), ACME, "order-7")

    assert second.id != first.id
    assert (again.id, again.replayed) == (second.id, True)


def test_keys_of_different_callers_are_apart(chain: Chain) -> None:
    first = chain.submission.submit(submit_message(), ACME, "order-7")
    second = chain.submission.submit(submit_message(text="Something else"), GLOBEX, "order-7")
    third = chain.submission.submit(submit_message(), Submitter(None), "order-7")

    assert len({first.id, second.id, third.id}) == 3


def test_refused_message_does_not_use_up_its_key(chain: Chain) -> None:
    with pytest.raises(InvalidInput, match="no sender account 'acc_wrong'"):
        chain.submission.submit(submit_message(account="acc_wrong"), ACME, "order-7")

    assert not chain.submission.submit(submit_message(), ACME, "order-7").replayed


def test_deleted_account_cannot_be_asked_for(chain: Chain) -> None:
    gone = chain.account()
    chain.accounts.delete(gone)

    with pytest.raises(InvalidInput) as raised:
        chain.submit(account=gone)

    assert [error.field for error in raised.value.errors] == ["account"]
    assert (count(chain.database, Message), count(chain.database, Recipient)) == (0, 0)


def test_expired_keys_are_forgotten(chain: Chain) -> None:
    chain.submission.submit(submit_message(), ACME, "old")
    chain.clock.advance(hours=20)
    chain.submission.submit(submit_message(), ACME, "young")
    chain.clock.advance(hours=5)

    chain.submission.submit(submit_message(), ACME, "new")

    with chain.database.read() as session:
        assert set(session.scalars(select(IdempotencyKey.key))) == {"young", "new"}


def test_nothing_is_accepted_once_the_database_is_closed(chain: Chain) -> None:
    chain.database.writer.stop()

    with pytest.raises(StorageUnavailable, match="is stopping"):
        chain.submit()


def test_many_equal_posts_at_once_are_one_message(chain: Chain) -> None:
    assert_one_message_of_50_posts(chain)


@needs_postgres
@pytest.mark.postgres
def test_many_equal_posts_at_once_are_one_message_on_postgresql(
    make_chain: MakeChain, postgres_database: Database
) -> None:
    assert_one_message_of_50_posts(make_chain(database=postgres_database))


def assert_one_message_of_50_posts(chain: Chain) -> None:
    def post() -> Accepted:
        return chain.submission.submit(submit_message(), ACME, "order-7")

    posts = [gevent.spawn(post) for _ in range(50)]
    gevent.joinall(posts, raise_error=True)

    answers = [post.value for post in posts]
    assert len({(answer.id, answer.status, answer.created_at) for answer in answers}) == 1
    assert sum(not answer.replayed for answer in answers) == 1
    assert (count(chain.database, Message), count(chain.database, Recipient)) == (1, 1)
