from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Message
from appliance.db.models.message import Reason
from appliance.db.queries import audit
from appliance.db.queries.audit import AuditFilters
from appliance.errors import NotFound, WrongState
from tests.factories import add_message
from tests.fakes import NOON
from tests.services.conftest import Chain, MakeChain
from tests.services.racing import in_between
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink


def test_cancelled_message_is_not_sent(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.submit()

    chain.messages.cancel(message)
    chain.turn()

    assert (chain.status(message), sink.count) == ("cancelled", 0)
    assert chain.detail(message).message.finished_at == chain.clock()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("sending", "being sent right now"),
        ("sent", "sent already"),
        ("cancelled", "cancelled already"),
        ("failed", "failed"),
    ],
)
def test_message_that_left_the_outbox_cannot_be_cancelled(chain: Chain, status: str, words: str) -> None:
    message = chain.database.write(lambda s: add_message(s, status=status, due_at=None))

    with pytest.raises(WrongState, match=words):
        chain.messages.cancel(message)

    assert chain.status(message) == status


@pytest.mark.postgres
@needs_postgres
def test_message_that_is_claimed_as_it_is_cancelled_says_that_it_is_being_sent(
    make_chain: MakeChain, postgres_database: Database
) -> None:
    chain = make_chain(database=postgres_database)
    message = chain.submit()

    def cancel() -> None:
        with pytest.raises(WrongState, match="being sent right now"):
            chain.messages.cancel(message)

    in_between(chain.database, lambda session: claim(session, message), cancel)

    assert chain.status(message) == "sending"


@pytest.mark.postgres
@needs_postgres
def test_audit_tells_the_state_that_the_message_was_changed_in(
    make_chain: MakeChain, postgres_database: Database
) -> None:
    chain = make_chain(database=postgres_database)
    message = chain.submit()

    def hold(session: Session) -> None:
        Message.hold(session, [message], reason=Reason.QUOTA, until=None)

    in_between(chain.database, hold, lambda: chain.messages.cancel(message))

    with chain.database.read() as session:
        [entry], _ = audit.page(session, AuditFilters(target=message))
    assert (entry.action, entry.detail) == ("message.cancelled", {"was": "held"})


def claim(session: Session, message: str) -> None:
    until = NOON + timedelta(minutes=2)
    Message.claim(session, [message], claim_id="clm_1", account_id="acc_1", day="2026-03-10", lease_until=until)


def test_retry_sends_to_those_who_were_refused_and_nobody_else(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    sink.reply("RCPT", "550 5.2.1 disabled", when=lambda line: "bob" in line, times=1)
    message = chain.submit("ann@example.com", "bob@example.com")
    chain.turn()
    assert chain.status(message) == "partially_sent"

    chain.messages.retry(message)
    chain.turn()

    assert chain.status(message) == "sent"
    assert [one.rcpt_to for one in sink.messages] == [("ann@example.com",), ("bob@example.com",)]
    assert sink.messages[0].message_id == sink.messages[1].message_id
    assert chain.sent_today(account) == 2


def test_retry_of_a_deferred_message_goes_at_once(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "451 4.2.1 later", times=1)
    message = chain.submit()
    chain.turn()

    chain.messages.retry(message)
    chain.turn()

    assert chain.status(message) == "sent"


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "cancelled"])
def test_message_that_did_not_fail_cannot_be_retried(chain: Chain, status: str) -> None:
    message = chain.database.write(lambda s: add_message(s, status=status))

    with pytest.raises(WrongState, match="cannot be retried"):
        chain.messages.retry(message)


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_message_of_another_key_is_not_there(chain: Chain, verb: str) -> None:
    change: Callable[..., None] = getattr(chain.messages, verb)
    message = chain.database.write(lambda s: add_message(s, status="held", api_key_id="key_1"))

    for wrong in ({"message_id": "msg_none"}, {"message_id": message, "api_key_id": "key_2"}):
        with pytest.raises(NotFound):
            change(**wrong)

    change(message, api_key_id="key_1")


def test_release_queues_only_what_is_held_for_those_reasons(chain: Chain) -> None:
    held = chain.database.write(lambda s: add_message(s, status="held", reason="quota", due_at=None))
    other = chain.database.write(lambda s: add_message(s, status="held", reason="uncertain", due_at=None))

    assert chain.messages.release_held(["quota"]) == 1

    assert (chain.status(held), chain.status(other)) == ("queued", "held")
    assert chain.messages.release_held(["quota"]) == 0


def test_release_of_more_than_one_step_releases_all(chain: Chain) -> None:
    def add_many(session) -> None:
        for _ in range(1100):
            add_message(session, status="held", reason="quota", due_at=None)

    chain.database.write(add_many)

    assert chain.messages.release_held(["quota"]) == 1100
    assert chain.statuses() == {"queued": 1100}


def test_released_message_goes_and_what_was_tried_still_counts(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    message = chain.database.write(lambda s: add_message(s, status="held", reason="kept_back", due_at=None, attempts=2))

    chain.messages.release(message)
    chain.turn()

    assert (chain.status(message), chain.detail(message).message.attempts) == ("sent", 3)


def test_only_what_is_held_is_released(chain: Chain) -> None:
    message = chain.database.write(lambda s: add_message(s, status="failed", due_at=None))

    with pytest.raises(WrongState, match="cannot be released: it is failed"):
        chain.messages.release(message)
