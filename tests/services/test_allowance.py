"""What an API key is bound to, over the services that submit: addresses, accounts, and messages a day."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import gevent
import pytest
from sqlalchemy import Engine, event

from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.db.models.base import insert_rows
from appliance.errors import FieldError, IdempotencyKeyReused, InvalidInput, NotAllowed, QuotaUsedUp
from appliance.mail.addresses import Address
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.batch import BatchSubmission
from appliance.services.dry_run import DryRun, DryRunResult
from appliance.services.idempotency import Once
from appliance.services.key_limits import KeyLimits
from appliance.services.submission import Submission
from appliance.services.submit_message import Accepted, Submitter
from tests.factories import submit_message
from tests.fakes import NOON, FakeClock
from tests.services.conftest import Chain, MakeChain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink

BERLIN = ZoneInfo("Europe/Berlin")
SHOP = "shop@example.com"


def submitter(**limits: Any) -> Submitter:
    return Submitter("key_acme", "req_1", KeyLimits(**limits))


def add_key(database: Database) -> None:
    row = {"id": "key_acme", "name": "acme", "secret_hash": "0" * 64, "scopes": ["send"], "created_at": NOON}
    database.write(lambda session: insert_rows(session, ApiKey, row))


def used(chain: Chain) -> int:
    with chain.database.read() as session:
        key = session.get(ApiKey, "key_acme")
        assert key is not None
        return key.count


def batches_of(chain: Chain) -> BatchSubmission:
    return BatchSubmission(chain.database, chain.outbox, hostname="box.example", clock=chain.clock)


def dry_run(chain: Chain, limits: KeyLimits, **fields: Any) -> DryRunResult:
    service = DryRun(
        chain.database,
        AttachmentFiles(chain.directory / "attachments"),
        run_native=lambda fn: fn(),
        hostname="box.example",
        zone=ZoneInfo("UTC"),
        clock=chain.clock,
    )
    return service.run(submit_message(**fields), {}, limits)


@pytest.fixture
def counted(chain: Chain) -> Chain:
    """A chain with a key that can be counted."""
    add_key(chain.database)
    return chain


# whom it is from, and through which account


def test_message_from_an_address_of_the_key_is_accepted(chain: Chain) -> None:
    command = submit_message(sender=Address("News@Example.com", "News"))

    accepted = chain.submission.submit(command, submitter(allowed_from=("news@example.com",)))

    assert chain.detail(accepted.id).message.sender_email == "News@Example.com"


@pytest.mark.parametrize("sender", [None, Address("eve@example.com")])
def test_message_from_elsewhere_or_nobody_is_refused(chain: Chain, sender: Address | None) -> None:
    bound = submitter(allowed_from=("@example.org", SHOP))

    with pytest.raises(NotAllowed) as raised:
        chain.submission.submit(submit_message(sender=sender), bound)

    assert [error.field for error in raised.value.errors] == ["from"]
    assert "@example.org, shop@example.com" in raised.value.errors[0].message
    assert chain.statuses() == {}


def test_message_that_names_nobody_is_from_the_only_address(chain: Chain) -> None:
    bound = submitter(allowed_from=(SHOP,))

    single = chain.submission.submit(submit_message(), bound).id
    [several] = batches_of(chain).submit([submit_message()], bound).results

    assert isinstance(several, Accepted)
    assert [chain.detail(one).message.sender_email for one in (single, several.id)] == [SHOP, SHOP]
    raw = dry_run(chain, bound.limits).raw
    assert raw is not None
    assert b"From: shop@example.com" in raw


def test_account_outside_is_refused_even_if_it_exists(chain: Chain) -> None:
    inside, outside = chain.account(), chain.account()

    with pytest.raises(NotAllowed) as raised:
        chain.submission.submit(submit_message(account=outside), submitter(allowed_accounts=(inside,)))

    assert [(error.field, inside in error.message) for error in raised.value.errors] == [("account", True)]


def test_message_of_a_batch_that_the_key_may_not_send_does_not_sink_the_others(chain: Chain) -> None:
    bound = submitter(allowed_from=(SHOP, "@example.org"))
    good = submit_message(sender=Address(SHOP))

    answer = batches_of(chain).submit([submit_message(sender=Address("eve@example.net")), good], bound)

    refusal, accepted = answer.results
    assert isinstance(accepted, Accepted)
    assert isinstance(refusal, tuple)
    assert [(error.field, error.code) for error in refusal] == [("from", "not_allowed")]


def test_batch_that_the_key_may_not_send_at_all_is_not_allowed_and_not_just_wrong(chain: Chain) -> None:
    bound, foreign = submitter(allowed_from=("@example.org",)), submit_message(sender=Address("eve@example.net"))

    with pytest.raises(NotAllowed) as raised:
        batches_of(chain).submit([foreign, foreign], bound)
    with pytest.raises(InvalidInput) as mixed:
        batches_of(chain).submit([foreign, (FieldError("to[0]", "Write it as name@example.com."),)], bound)

    assert [error.field for error in raised.value.errors] == ["messages[0].from", "messages[1].from"]
    assert not isinstance(mixed.value, NotAllowed)


def test_dry_run_refuses_what_would_be_refused(chain: Chain) -> None:
    inside, outside = chain.account(), chain.account()
    bound = KeyLimits(allowed_accounts=(inside,), allowed_from=(SHOP,))

    with pytest.raises(NotAllowed) as raised:
        dry_run(chain, bound, account=outside, sender=Address("eve@example.net"))

    assert [error.field for error in raised.value.errors] == ["from", "account"]


def test_message_goes_only_through_accounts_of_its_key(chain: Chain, sink: SmtpSink, other_sink: SmtpSink) -> None:
    chain.account(sink, name="Best", priority=9)
    allowed = [chain.account(other_sink, name=name, daily_limit=1) for name in ("One", "Two")]
    bound = submitter(allowed_accounts=tuple(allowed))

    messages = [chain.submission.submit(submit_message(), bound).id for _ in range(3)]
    chain.turn()

    assert (sink.messages, len(other_sink.messages)) == ([], 2)
    assert chain.statuses() == {"sent": 2, "held": 1}
    [held] = [one for one in messages if chain.status(one) == "held"]
    assert chain.detail(held).message.reason == "quota"
    assert "No sender account that its API key may use has quota left today" in chain.explanation(held)
    assert "00:00 tomorrow (UTC)" in chain.explanation(held)


def test_others_are_not_held_up_by_a_key_whose_accounts_are_full(chain: Chain, sink: SmtpSink) -> None:
    full, free = chain.account(sink, daily_limit=0), chain.account(sink)

    bound = chain.submission.submit(submit_message(), submitter(allowed_accounts=(full,))).id
    unbound = chain.submit()
    chain.turn()

    assert (chain.status(bound), chain.status(unbound)) == ("held", "sent")
    assert chain.sent_today(free) == 1


def test_message_fails_over_within_the_accounts_of_its_key_only(
    chain: Chain, sink: SmtpSink, other_sink: SmtpSink
) -> None:
    chain.account(sink, name="Outside", priority=5)
    broken = chain.account(name="Broken", priority=2)
    spare = chain.account(other_sink, name="Spare", priority=1)

    both = chain.submission.submit(submit_message(), submitter(allowed_accounts=(broken, spare))).id
    chain.turn()
    chain.clock.advance(hours=1)
    alone = chain.submission.submit(submit_message(), submitter(allowed_accounts=(broken,))).id
    chain.turn()

    assert (sink.messages, len(other_sink.messages)) == ([], 1)
    assert (chain.status(both), chain.status(alone)) == ("sent", "deferred")


def test_explanation_speaks_of_the_accounts_of_the_key(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    mine = chain.account(sink)
    message = chain.submission.submit(submit_message(), submitter(allowed_accounts=(mine,))).id
    chain.accounts.pause(mine)
    chain.turn()
    assert "paused" in chain.explanation(message)

    chain.accounts.delete(mine)
    chain.messages.retry(message)
    chain.turn()

    assert chain.detail(message).message.reason == "account_gone"
    assert "Every sender account that its API key may use was deleted" in chain.explanation(message)


def test_dry_run_shows_the_account_that_the_key_may_use(chain: Chain) -> None:
    chain.account(name="Best", priority=9)
    mine = chain.account(name="Mine", daily_limit=0)
    limits = KeyLimits(allowed_accounts=(mine,))

    result = dry_run(chain, limits)

    assert result.account is not None
    assert (result.account.id, result.status, result.reason) == (mine, "held", "quota")
    assert "No sender account that its API key may use" in result.explanation


# messages a day


def test_quota_is_what_may_be_accepted_in_a_day(counted: Chain) -> None:
    limited = submitter(daily_limit=2)

    left = [counted.submission.submit(submit_message(), limited).quota for _ in range(2)]
    with pytest.raises(QuotaUsedUp) as raised:
        counted.submission.submit(submit_message(), limited)

    assert [(one.limit, one.remaining) for one in left if one] == [(2, 1), (2, 0)]
    assert (raised.value.limit, raised.value.remaining, raised.value.retry_after) == (2, 0, 12 * 3600)
    assert "2 messages a day; 0 are left until 00:00 (UTC)" in str(raised.value)
    assert counted.statuses() == {"queued": 2}


def test_key_without_a_limit_is_not_counted(counted: Chain) -> None:
    accepted = counted.submission.submit(submit_message(), submitter())

    assert (accepted.quota, used(counted)) == (None, 0)


def test_what_is_refused_is_not_counted(counted: Chain) -> None:
    limited = submitter(daily_limit=5)
    limits = replace(limited.limits, allowed_from=(SHOP,))
    foreign = submit_message(sender=Address("eve@example.net"))
    missing = submit_message(account="acc_missing")

    for command, who in ((missing, limited), (foreign, replace(limited, limits=limits))):
        with pytest.raises(InvalidInput):
            counted.submission.submit(command, who)
        with pytest.raises(InvalidInput):
            batches_of(counted).submit([command], who)
    dry_run(counted, limited.limits)

    assert used(counted) == 0


def test_replay_is_not_counted_and_answered_when_nothing_is_left(counted: Chain) -> None:
    limited = submitter(daily_limit=1)
    first = counted.submission.submit(submit_message(), limited, "order-1")

    replay = counted.submission.submit(submit_message(), limited, "order-1")

    assert (replay.id, replay.replayed, replay.quota, used(counted)) == (first.id, True, None, 1)
    with pytest.raises(IdempotencyKeyReused):
        counted.submission.submit(submit_message(subject="Other"), limited, "order-1")


def test_refusal_for_want_of_quota_is_no_answer_to_be_repeated(counted: Chain) -> None:
    limited = submitter(daily_limit=1)
    counted.submission.submit(submit_message(), limited)
    with pytest.raises(QuotaUsedUp):
        counted.submission.submit(submit_message(), limited, "order-1")

    counted.clock.advance(hours=12)

    assert not counted.submission.submit(submit_message(), limited, "order-1").replayed


def test_batch_counts_those_that_are_accepted(counted: Chain) -> None:
    wrong = (FieldError("to[0]", "Write it as name@example.com."),)

    answer = batches_of(counted).submit([submit_message(), wrong, submit_message()], submitter(daily_limit=5))

    assert answer.quota is not None
    assert (answer.quota.remaining, used(counted)) == (3, 2)


def test_batch_that_is_too_large_for_the_day_is_refused_whole(counted: Chain) -> None:
    limited = submitter(daily_limit=3)
    counted.submission.submit(submit_message(), limited)

    with pytest.raises(QuotaUsedUp, match=r"2 are left until 00:00 \(UTC\), and this batch has 3"):
        batches_of(counted).submit([submit_message()] * 3, limited)

    assert (counted.statuses(), used(counted)) == ({"queued": 1}, 1)
    assert batches_of(counted).submit([submit_message()] * 2, limited).accepted == 2


def test_replayed_batch_is_not_counted(counted: Chain) -> None:
    limited, once = submitter(daily_limit=2), Once("key_acme", "monday", "hash")
    batches_of(counted).submit([submit_message()] * 2, limited, once=once)

    replay = batches_of(counted).submit([submit_message()] * 2, limited, once=once)

    assert (replay.replayed, replay.quota, used(counted)) == (True, None, 2)


def test_day_begins_at_midnight_of_the_zone(make_chain: MakeChain, clock: FakeClock) -> None:
    clock.now = datetime(2026, 3, 10, 22, 59, 59, tzinfo=UTC)  # 23:59:59 in Berlin
    chain = make_chain()
    add_key(chain.database)
    service = Submission(chain.database, chain.outbox, hostname="box.example", clock=clock, zone=BERLIN)
    limited = submitter(daily_limit=1)
    service.submit(submit_message(), limited)
    with pytest.raises(QuotaUsedUp) as raised:
        service.submit(submit_message(), limited)
    assert raised.value.retry_after == 1
    assert "00:00 (Europe/Berlin)" in str(raised.value)

    clock.advance(seconds=1)

    accepted = service.submit(submit_message(), limited)
    assert accepted.quota is not None
    assert accepted.quota.resets_at == datetime(2026, 3, 11, 23, 0, tzinfo=UTC)


def test_clock_that_is_set_back_gives_no_second_day(counted: Chain) -> None:
    limited = submitter(daily_limit=1)
    counted.submission.submit(submit_message(), limited)

    counted.clock.advance(days=-1)

    with pytest.raises(QuotaUsedUp):
        counted.submission.submit(submit_message(), limited)


@needs_postgres
@pytest.mark.postgres
def test_of_many_posts_at_once_with_one_idempotency_key_one_is_counted_on_a_database_server(
    postgres_database: Database, make_chain: MakeChain
) -> None:
    chain = make_chain(database=postgres_database)
    add_key(postgres_database)
    limited = submitter(daily_limit=20)

    jobs = [gevent.spawn(chain.submission.submit, submit_message(), limited, "order-1") for _ in range(20)]
    gevent.joinall(jobs, raise_error=True)

    assert len({job.value.id for job in jobs}) == 1
    assert used(chain) == 1


def test_refusal_makes_nobody_elses_writes_run_again(chain: Chain) -> None:
    bound, unbound = submitter(allowed_from=("other@example.com",)), submitter()
    expired = submit_message(sender=Address(SHOP), expires_at=NOON)
    savepoints: list[str] = []

    def note(_connection: Any, name: str) -> None:
        savepoints.append(name)

    event.listen(Engine, "savepoint", note)
    try:
        with pytest.raises(NotAllowed):
            chain.submission.submit(submit_message(sender=Address(SHOP)), bound)
        with pytest.raises(InvalidInput):
            chain.submission.submit(expired, unbound)
        with pytest.raises(NotAllowed):
            batches_of(chain).submit([submit_message(sender=Address(SHOP))], bound)
        with pytest.raises(InvalidInput):
            batches_of(chain).submit([submit_message(), expired], unbound, atomic=True)
    finally:
        event.remove(Engine, "savepoint", note)

    assert savepoints == []
    assert chain.statuses() == {}


def test_what_a_key_may_not_and_what_is_wrong_are_named_together(chain: Chain) -> None:
    message = submit_message(sender=Address(SHOP), account="acc_none", expires_at=NOON)

    with pytest.raises(InvalidInput) as raised:
        chain.submission.submit(message, submitter(allowed_from=("other@example.com",)))

    assert [(one.field, one.code) for one in raised.value.errors] == [
        ("from", "not_allowed"),
        ("account", "not_found"),
        ("expires_at", "invalid"),
    ]
    assert not isinstance(raised.value, NotAllowed)
