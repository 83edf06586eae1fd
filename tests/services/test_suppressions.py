"""The suppression list and the messages that it stops, over a real database and real SMTP servers."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from appliance.db.database import Database
from appliance.db.models import Suppression
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import suppressions
from appliance.errors import InvalidInput, NotFound
from appliance.services import suppressions as suppressions_service
from appliance.services.suppressions import Removal
from tests.factories import submit_message
from tests.services.conftest import ACME, Chain, MakeChain
from tests.services_up import needs_postgres
from tests.smtp_sink import SmtpSink

MANUAL = SuppressionSource.MANUAL


def add(chain: Chain, address: str, reason: str = "asked to be left alone", **options: object) -> str:
    return chain.suppressions.add(address, reason, source=MANUAL, **options)  # type: ignore[arg-type]


def listed(chain: Chain) -> dict[str, tuple[str, str]]:
    with chain.database.read() as session:
        return {one.address: (one.source, one.reason) for one in suppressions.page(session, now=chain.clock())[0]}


def statuses(chain: Chain, message_id: str) -> dict[str, str]:
    return {one.email: one.status for one in chain.detail(message_id).recipients}


def received_by(sink: SmtpSink) -> list[tuple[str, ...]]:
    return [one.rcpt_to for one in sink.messages]


@pytest.mark.parametrize(
    ("entry", "recipient"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann@EXAMPLE.com", "ann@example.com"),
        ("ann@example.com", "ANN@example.com"),
        ("example.com", "ann@example.com"),
        ("@Example.COM", "ann@example.com"),
        ("bücher.example", "ann@xn--bcher-kva.example"),
    ],
)
def test_message_to_suppressed_recipient_is_not_sent(chain: Chain, sink: SmtpSink, entry: str, recipient: str) -> None:
    account = chain.account(sink)
    add(chain, entry)

    accepted = chain.submission.submit(submit_message(recipient), ACME)
    chain.turn()

    found = chain.detail(accepted.id)
    assert (accepted.status, found.message.status, found.message.due_at) == ("suppressed", "suppressed", None)
    assert found.message.finished_at == chain.clock()
    assert (found.recipients[0].status, found.attempts) == ("suppressed", [])
    assert "asked to be left alone" in found.recipients[0].reply_text
    assert chain.sent_today(account) == sink.count == 0


@pytest.mark.parametrize(
    "recipient", ["bob@example.com", "ann@shop.example.com", "ann@example.org", "x.ann@example.com"]
)
def test_others_are_not_stopped(chain: Chain, sink: SmtpSink, recipient: str) -> None:
    chain.account(sink)
    add(chain, "ann@example.com")
    add(chain, "example.net")

    message = chain.submit(recipient)
    chain.turn()

    assert (chain.status(message), sink.count) == ("sent", 1)


def test_suppressed_recipients_are_left_out_and_the_others_get_it(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "bob@example.com")

    message = chain.submit("ann@example.com", "bob@example.com")
    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason) == ("partially_sent", "suppressed")
    assert statuses(chain, message) == {"ann@example.com": "sent", "bob@example.com": "suppressed"}
    assert received_by(sink) == [("ann@example.com",)]
    assert chain.explanation(message) == (
        "The server accepted 1 of 2 recipients. Of its 2 recipients 1 is suppressed and left out: bob@example.com "
        "(asked to be left alone). Remove what stands under Suppressions and release what it stopped to send it there "
        "too."
    )


def test_suppressed_message_explains_itself(chain: Chain) -> None:
    add(chain, "example.com", "no longer ours")

    message = chain.submit("ann@example.com")

    assert chain.explanation(message) == (
        "Its recipient is on the suppression list, so nothing was sent: ann@example.com (the whole domain example.com: "
        "no longer ours). Remove what stands under Suppressions and release what it stopped, or leave it as it is."
    )


def test_same_key_gives_the_suppressed_answer_again(chain: Chain) -> None:
    add(chain, "ann@example.com")
    first = chain.submission.submit(submit_message("ann@example.com"), ACME, "order-7")

    again = chain.submission.submit(submit_message("ann@example.com"), ACME, "order-7")

    assert (again.id, again.status, again.replayed) == (first.id, "suppressed", True)


def test_suppression_added_after_submission_holds(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    alone, beside = chain.submit("ann@example.com"), chain.submit("ann@example.com", "bob@example.com")
    add(chain, "ann@example.com")

    chain.turn()

    assert (chain.status(alone), chain.status(beside)) == ("suppressed", "partially_sent")
    assert received_by(sink) == [("bob@example.com",)]
    assert chain.sent_today(account) == 1
    assert chain.detail(alone).message.claim_id is None


def test_suppression_added_after_the_claim_holds_and_is_counted(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    message = chain.submit("ann@example.com")
    [claim] = chain.claim()
    add(chain, "ann@example.com")

    result = chain.deliver(claim)

    assert result == {"suppressed": 1}
    assert (chain.status(message), sink.count, chain.sent_today(account)) == ("suppressed", 0, 0)
    assert chain.delivery.outcomes["suppressed"] == 1


def test_delivering_a_claim_twice_refunds_its_suppressed_message_once(chain: Chain, sink: SmtpSink) -> None:
    account = chain.account(sink)
    chain.submit("bob@example.com")
    chain.turn()
    chain.submit("ann@example.com")
    [claim] = chain.claim()
    add(chain, "ann@example.com")

    results = [chain.deliver(claim), chain.deliver(claim)]

    assert results == [{"suppressed": 1}, {}]
    assert chain.sent_today(account) == 1


def test_recipient_suppressed_between_attempts_ends_a_message_that_reached_others(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line, times=1)
    message = chain.submit("ann@example.com", "slow@example.com")
    chain.turn()
    add(chain, "slow@example.com")

    chain.clock.advance(minutes=1)
    chain.turn()

    found = chain.detail(message).message
    assert (found.status, found.reason, found.attempts) == ("partially_sent", "suppressed", 1)
    assert statuses(chain, message) == {"ann@example.com": "sent", "slow@example.com": "suppressed"}


def test_message_that_was_refused_by_one_and_kept_from_the_other_has_failed(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    sink.reply("RCPT", "550 5.7.1 not for you", when=lambda line: "ann" in line)
    sink.reply("RCPT", "451 4.2.1 greylisted", when=lambda line: "slow" in line)
    message = chain.submit("ann@example.com", "slow@example.com")
    chain.turn()
    add(chain, "slow@example.com")

    chain.clock.advance(minutes=1)
    chain.turn()

    assert chain.status(message) == "failed"
    assert "slow@example.com (asked to be left alone)" in chain.explanation(message)


def test_adding_again_changes_the_entry(chain: Chain) -> None:
    first = add(chain, "ann@example.com", "first")

    second = chain.suppressions.add("ANN@example.com", "second", source=SuppressionSource.API)

    assert first == second
    assert listed(chain) == {"ann@example.com": ("api", "second")}


def test_expired_entry_stops_nothing_and_is_cleaned_up(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "ann@example.com", expires_at=chain.clock() + timedelta(days=1))
    add(chain, "bob@example.com", expires_at=chain.clock() + timedelta(days=9))
    chain.clock.advance(days=1)

    message = chain.submit("ann@example.com")
    chain.turn()
    cleaned = chain.suppressions.cleanup_expired()

    assert chain.status(message) == "sent"
    assert cleaned == {"removed": 1}
    assert set(listed(chain)) == {"bob@example.com"}


def test_entry_that_had_expired_begins_anew(chain: Chain) -> None:
    add(chain, "ann@example.com", expires_at=chain.clock() + timedelta(days=1))
    chain.clock.advance(days=2)

    add(chain, "ann@example.com")

    with chain.database.read() as session:
        entry = suppressions.one(session, "ann@example.com")
    assert entry is not None
    assert (entry.created_at, entry.expires_at) == (chain.clock(), None)


@pytest.mark.parametrize(
    ("address", "reason", "days", "fields"),
    [
        ("nobody", "", 1, ["address"]),
        ("", "", 1, ["address"]),
        ("a b.example", "", 1, ["address"]),
        ("ann@", "", 1, ["address"]),
        ("ann@example.com", "two\nlines", 1, ["reason"]),
        ("ann@example.com", "x" * 501, 1, ["reason"]),
        ("nobody", "\0", -1, ["address", "reason", "expires_at"]),
    ],
)
def test_every_wrong_field_is_named(chain: Chain, address: str, reason: str, days: int, fields: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        add(chain, address, reason, expires_at=chain.clock() + timedelta(days=days))

    assert [error.field for error in caught.value.errors] == fields
    assert listed(chain) == {}


@pytest.mark.parametrize("key", ["bob@example.com", "no address", "sup_0000"])
def test_what_is_not_on_the_list_cannot_be_removed(chain: Chain, key: str) -> None:
    add(chain, "ann@example.com")

    with pytest.raises(NotFound):
        chain.suppressions.remove(key)


def test_removing_without_release_leaves_what_was_stopped(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    entry = add(chain, "ann@example.com")
    stopped = chain.submit("ann@example.com")

    removal = chain.suppressions.remove(entry)
    later = chain.submit("ann@example.com")
    chain.turn()

    assert removal == Removal(entry, "ann@example.com", stopped=1)
    assert (chain.status(stopped), chain.status(later)) == ("suppressed", "sent")


def test_release_sends_what_was_stopped_to_whom_it_was_stopped_and_nobody_twice(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "example.com")
    add(chain, "eve@example.org")
    all_of_it = chain.submit("ann@example.com", "bob@example.com")
    beside = chain.submit("ann@example.com", "dora@example.net")
    other = chain.submit("eve@example.org")
    chain.turn()

    removal = chain.suppressions.remove("example.com", release=True)
    chain.turn()

    assert (removal.stopped, removal.released) == (2, 2)
    assert [chain.status(one) for one in (all_of_it, beside, other)] == ["sent", "sent", "suppressed"]
    assert sorted(received_by(sink)) == [
        ("ann@example.com",),
        ("ann@example.com", "bob@example.com"),
        ("dora@example.net",),
    ]
    assert set(listed(chain)) == {"eve@example.org"}


def test_release_respects_what_else_stops_a_recipient(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "ann@example.com")
    message = chain.submit("ann@example.com")
    add(chain, "example.com", "gone")

    chain.suppressions.remove("ann@example.com", release=True)
    chain.turn()

    assert (chain.status(message), sink.count) == ("suppressed", 0)
    assert "the whole domain example.com: gone" in chain.explanation(message)


def test_release_leaves_a_message_alone_that_is_being_sent(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "bob@example.com")
    message = chain.submit("ann@example.com", "bob@example.com")
    [claim] = chain.claim()

    removal = chain.suppressions.remove("bob@example.com", release=True)
    chain.deliver(claim)

    assert (removal.stopped, removal.released) == (1, 0)
    assert statuses(chain, message) == {"ann@example.com": "sent", "bob@example.com": "suppressed"}
    chain.messages.retry(message)
    chain.turn()
    assert received_by(sink) == [("ann@example.com",), ("bob@example.com",)]


def test_release_of_a_waiting_message_adds_the_recipient(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "bob@example.com")
    message = chain.submit("ann@example.com", "bob@example.com")

    removal = chain.suppressions.remove("bob@example.com", release=True)
    chain.turn()

    assert removal.released == 1
    assert (chain.status(message), received_by(sink)) == ("sent", [("ann@example.com", "bob@example.com")])


def test_release_does_not_wake_what_was_cancelled_or_has_expired(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "bob@example.com")
    cancelled = chain.submit("ann@example.com", "bob@example.com")
    chain.messages.cancel(cancelled)
    expired = chain.submit("bob@example.com", expires_at=chain.clock() + timedelta(hours=1))
    chain.clock.advance(hours=2)

    removal = chain.suppressions.remove("bob@example.com", release=True)
    chain.turn()

    assert (removal.stopped, removal.released, sink.count) == (2, 0, 0)
    assert [chain.status(one) for one in (cancelled, expired)] == ["cancelled", "suppressed"]


def test_message_that_was_to_go_later_does_so_when_it_is_released(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "bob@example.com")
    message = chain.submit("bob@example.com", send_at=chain.clock() + timedelta(hours=1))

    chain.suppressions.remove("bob@example.com", release=True)
    chain.turn()
    assert (chain.status(message), sink.count) == ("scheduled", 0)

    chain.clock.advance(hours=1)
    chain.turn()

    assert (chain.status(message), sink.count) == ("sent", 1)


def test_release_that_broke_off_goes_on(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    add(chain, "ann@example.com")
    message = chain.submit("ann@example.com")
    fine_write, calls = chain.database.write, []

    def dying(fn):  # type: ignore[no-untyped-def]
        calls.append(fn)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fine_write(fn)

    chain.database.write = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        chain.suppressions.remove("ann@example.com", release=True)
    chain.database.write = fine_write  # type: ignore[method-assign]
    assert chain.status(message) == "suppressed"

    removal = chain.suppressions.remove("ann@example.com", release=True)
    chain.turn()

    assert (removal.released, chain.status(message)) == (1, "sent")


def test_retry_of_a_suppressed_message_asks_the_list_again(chain: Chain, sink: SmtpSink) -> None:
    chain.account(sink)
    entry = add(chain, "ann@example.com")
    message = chain.submit("ann@example.com")

    chain.messages.retry(message)
    chain.turn()
    assert (chain.status(message), sink.count) == ("suppressed", 0)

    chain.suppressions.remove(entry)
    chain.messages.retry(message)
    chain.turn()

    assert (chain.status(message), sink.count) == ("sent", 1)


def test_import_adds_what_is_right_and_names_what_is_not(chain: Chain) -> None:
    add(chain, "ann@example.com", "by hand")

    imported = chain.suppressions.import_csv(b"address,reason\r\nann@example.com,moved\r\nnobody,\r\nexample.org,\r\n")

    assert (imported.imported, imported.refused_count, imported.refused[0].line) == (2, 1, 3)
    assert listed(chain) == {"ann@example.com": ("import", "moved"), "example.org": ("import", "")}


def test_export_of_many_can_be_imported_elsewhere(chain: Chain) -> None:
    lines = "".join(f"a{number}@example.com,reason {number}\n" for number in range(2345))
    chain.suppressions.import_csv(lines.encode())
    exported = "".join(chain.suppressions.export_csv())
    chain.database.write(lambda session: session.execute(delete(Suppression)))

    imported = chain.suppressions.import_csv(exported.encode())

    assert imported.imported == 2345
    assert "".join(chain.suppressions.export_csv()) == exported


def test_suppression_of_another_process_holds_here(make_chain: MakeChain, sink: SmtpSink) -> None:
    here, elsewhere = make_chain(), make_chain()
    here.account(sink)
    here.submit("ann@example.com")

    add(elsewhere, "ann@example.com")
    here.turn()

    assert (here.statuses(), sink.count) == ({"suppressed": 1}, 0)


@needs_postgres
@pytest.mark.postgres
def test_list_works_on_postgresql(make_chain: MakeChain, postgres_database: Database, sink: SmtpSink) -> None:
    chain = make_chain(database=postgres_database)
    chain.account(sink)
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "bad" in line)
    add(chain, "Ann@example.com", "first")
    add(chain, "ann@example.com", "second", expires_at=chain.clock() + timedelta(days=1))
    chain.submit("ann@example.com", "bad@example.com")
    chain.turn()
    chain.turn()
    assert listed(chain) == {
        "ann@example.com": ("manual", "second"),
        "bad@example.com": ("refusal", "the server answered 550 5.1.1 no such user"),
    }
    assert "".join(chain.suppressions.export_csv()).count("\r\n") == 3

    removal = chain.suppressions.remove("ann@example.com", release=True)
    chain.turn()

    assert (removal.stopped, removal.released, received_by(sink)) == (1, 1, [("ann@example.com",)])
    chain.clock.advance(days=31)
    assert chain.suppressions.cleanup_expired() == {"removed": 1}


@pytest.fixture
def stopped(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three messages that an entry stops, where two are the most that are released at once."""
    monkeypatch.setattr(suppressions_service, "RELEASED_AT_ONCE", 2)
    add(chain, "ann@example.com")
    return [chain.submit("ann@example.com") for _ in range(3)]


def test_many_are_released_by_a_job(chain: Chain, sink: SmtpSink, stopped: list[str]) -> None:
    chain.account(sink)

    removal = chain.suppressions.remove("ann@example.com", release=True)
    before = chain.statuses()
    assert removal.job_id is not None
    chain.job_runs.run(removal.job_id)
    chain.turn()

    assert (removal.stopped, removal.released, before) == (3, 0, {"suppressed": 3})
    assert (chain.statuses(), listed(chain)) == ({"sent": 3}, {})
    assert received_by(sink) == [("ann@example.com",)] * len(stopped)


def test_release_that_was_cancelled_can_be_asked_for_again(chain: Chain, stopped: list[str]) -> None:
    first = chain.suppressions.remove("ann@example.com", release=True)
    assert first.job_id is not None
    chain.jobs.cancel(first.job_id)

    second = chain.suppressions.remove("ann@example.com", release=True)
    assert second.job_id is not None
    chain.job_runs.run(second.job_id)

    assert chain.statuses() == {"queued": len(stopped)}


def test_address_that_is_suppressed_anew_while_the_job_waits_stays_so(chain: Chain, stopped: list[str]) -> None:
    removal = chain.suppressions.remove("ann@example.com", release=True)
    add(chain, "ann@example.com", "again")
    assert removal.job_id is not None

    chain.job_runs.run(removal.job_id)

    assert listed(chain) == {"ann@example.com": (MANUAL, "again")}
    assert chain.statuses() == {"queued": len(stopped)}
