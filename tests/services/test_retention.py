"""What goes at which age and what stays, what is told of it, and what a run does that is cut off."""

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.config.settings import RetentionSettings
from appliance.db.database import Database
from appliance.db.models import (
    AccountDay,
    AuditEntry,
    DeliveryAttempt,
    Event,
    IdempotencyKey,
    KeptMail,
    Message,
    MessageAttachment,
    MessageBody,
    ScheduleRun,
)
from appliance.db.models.audit_entry import ActorKind
from appliance.db.models.base import insert_rows
from appliance.db.models.event import EventKind, of_message
from appliance.db.models.message import INCOMPLETE, UNFINISHED, MessageStatus
from appliance.db.space import DatabaseSpace
from appliance.db.types import id_at
from appliance.services import audit
from appliance.services.audit import Actor
from appliance.services.retention import Retention
from appliance.services.retention_report import RunState
from appliance.services.retention_sweeps import MESSAGE_STEP
from tests.factories import add_attempt, add_message
from tests.fakes import NOON, FakeClock
from tests.services_up import needs_postgres

NUMBERS = itertools.count()
FILE = {"filename": "a.pdf", "content_type": "application/pdf", "size": 1000, "sha256": "ab" * 32}
FOR_EVER = dict.fromkeys(RetentionSettings.model_fields, 0)
REACHED = (MessageStatus.SENT, MessageStatus.CANCELLED)


class Archive:
    """Things of any age, and retention over them."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.removed_files = 0

    def retention(self, space: DatabaseSpace | None = None, **days: int) -> Retention:
        """With the defaults, but for `days`."""
        space = space or DatabaseSpace(self.database, lambda fn: fn())
        settings = RetentionSettings(**days)
        return Retention(self.database, space, settings, remove_files=self._remove_files, clock=self.clock)

    def message(self, days: float, status: MessageStatus = MessageStatus.SENT, **fields: Any) -> str:
        """Accepted, and ended if it has, `days` ago; with a body, an attachment and an attempt."""
        moment = NOON - timedelta(days=days)
        ended = {} if status in UNFINISHED else {"finished_at": moment, "due_at": None}
        row = {"id": made_at("msg", moment), "status": status, "created_at": moment, "size": 500, **ended, **fields}

        def write(session: Session) -> str:
            message_id = add_message(session, **row)
            insert_rows(session, MessageAttachment, {"message_id": message_id, **FILE})
            add_attempt(session, message_id)
            return message_id

        return self.database.write(write)

    def messages(self, days: float, count: int) -> None:
        """Many, with nothing but themselves."""
        moment = NOON - timedelta(days=days)
        for _ in itertools.repeat(None, count):
            row = {"id": made_at("msg", moment), "status": MessageStatus.SENT, "finished_at": moment, "due_at": None}
            self.database.write(lambda session, row=row: add_message(session, created_at=moment, **row) and None)

    def has(self, message_id: str) -> set[str]:
        """What is left of a message."""
        with self.database.read() as session:
            kept = {
                "message": session.get(Message, message_id),
                "body": session.get(MessageBody, message_id),
                "file": session.scalar(
                    select(MessageAttachment).where(
                        MessageAttachment.message_id == message_id, MessageAttachment.removed_at.is_(None)
                    )
                ),
                "attempt": session.scalar(select(DeliveryAttempt).where(DeliveryAttempt.message_id == message_id)),
            }
        return {name for name, found in kept.items() if found is not None}

    def count(self, model: type[Any]) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    def _remove_files(self) -> int:
        self.removed_files += 1
        return 3


def made_at(prefix: str, moment: datetime) -> str:
    """An id as it was given at `moment`."""
    return id_at(prefix, moment)[:-8] + f"{next(NUMBERS):08d}"


@pytest.fixture
def archive(database: Database, clock: FakeClock) -> Archive:
    return Archive(database, clock)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest, clock: FakeClock) -> Archive:
    """On a database of each kind."""
    return Archive(request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database"), clock)


WHOLE = {"message", "body", "file", "attempt"}


@pytest.mark.parametrize("status", REACHED)
def test_message_that_has_ended_goes_at_its_age(archive: Archive, status: MessageStatus) -> None:
    old, young = archive.message(31, status), archive.message(29, status)

    removed = archive.retention().run()

    assert (archive.has(old), archive.has(young)) == (set(), WHOLE)
    assert removed["messages"] == 1


@pytest.mark.parametrize("status", INCOMPLETE)
def test_message_that_not_everybody_has_got_stays_whole_for_longer(archive: Archive, status: MessageStatus) -> None:
    old, young = archive.message(91, status), archive.message(89, status)

    archive.retention().run()

    assert (archive.has(old), archive.has(young)) == (set(), WHOLE)


@pytest.mark.parametrize("status", UNFINISHED)
def test_unsent_mail_stays_however_old_it_is(archive: Archive, status: MessageStatus) -> None:
    message_id = archive.message(5000, status)

    archive.retention(**dict.fromkeys(RetentionSettings.model_fields, 1)).run()

    assert archive.has(message_id) == WHOLE


def test_age_counts_from_the_end_not_from_the_submission(archive: Archive) -> None:
    message_id = archive.message(200, finished_at=NOON - timedelta(days=1))

    archive.retention().run()

    assert archive.has(message_id) == WHOLE


def test_body_attachments_and_attempts_have_ages_of_their_own(either: Archive) -> None:
    ages = {"message_days": 100, "body_days": 10, "attachment_days": 20, "attempt_days": 30, "failed_days": 1}
    by_age = {days: either.message(days) for days in (5, 15, 25, 35, 105)}

    removed = either.retention(**ages).run()

    assert {days: either.has(message_id) for days, message_id in by_age.items()} == {
        5: WHOLE,
        15: WHOLE - {"body"},
        25: WHOLE - {"body", "file"},
        35: {"message"},
        105: set(),
    }
    counted = {kind: removed[kind] for kind in ("messages", "bodies", "attachments", "attempts")}
    assert counted == {"messages": 1, "bodies": 3, "attachments": 3, "attempts": 1}


def test_zero_means_for_ever(archive: Archive) -> None:
    message_ids = [archive.message(9000, status) for status in (MessageStatus.SENT, MessageStatus.FAILED)]

    archive.retention(**FOR_EVER).run()

    assert [archive.has(one) for one in message_ids] == [WHOLE, WHOLE]


def test_failed_mail_may_be_kept_for_ever_alone(archive: Archive) -> None:
    sent, failed = archive.message(9000), archive.message(9000, MessageStatus.FAILED)

    archive.retention(failed_days=0).run()

    assert (archive.has(sent), archive.has(failed)) == (set(), WHOLE)


def test_failed_mail_is_kept_no_shorter_than_other_mail(archive: Archive) -> None:
    failed = archive.message(20, MessageStatus.FAILED)

    archive.retention(failed_days=1).run()

    assert archive.has(failed) == WHOLE


def test_content_goes_with_the_message_where_it_has_no_age(archive: Archive) -> None:
    old, young = archive.message(31), archive.message(29)

    archive.retention(body_days=0, attachment_days=0, attempt_days=0).run()

    assert (archive.has(old), archive.has(young)) == (set(), WHOLE)


def test_what_goes_with_its_message_anyway_is_not_looked_for(archive: Archive) -> None:
    assert {"bodies", "attempts"}.isdisjoint(archive.retention().run())
    assert {"bodies", "attempts"} <= set(archive.retention(message_days=0).run())


def test_what_is_not_counted_yet_is_counted_though_the_message_is_gone(archive: Archive) -> None:
    message_id = archive.message(31)
    with archive.database.read() as session:
        message = session.get_one(Message, message_id)
    archive.database.write(
        lambda session: Event.note(session, [of_message(EventKind.MESSAGE_SENT, message, NOON, seconds=1.5)])
    )

    archive.retention().run()

    with archive.database.read() as session:
        [event] = session.scalars(select(Event))
    assert (event.message_id, event.seconds) == (message_id, 1.5)


def add_other_things(archive: Archive, age: timedelta, suffix: str) -> None:
    moment = NOON - age
    mail = {
        "id": made_at("mail", moment),
        "account_id": "acc_mailbox",
        "mail_from": "a@example.com",
        "rcpt_to": ["b@example.com"],
        "data": b"x",
        "size": 1,
        "received_at": moment,
    }
    entry = audit.entry("key.created", "key_1", {}, moment) | {"id": made_at("aud", moment)}
    answer = {"api_key_id": "key_1", "key": suffix, "body_hash": "", "answer": {}, "created_at": moment}

    def write(session: Session) -> None:
        insert_rows(session, KeptMail, mail)
        insert_rows(session, AuditEntry, entry)
        insert_rows(session, IdempotencyKey, answer)
        insert_rows(session, AccountDay, {"account_id": "acc_1", "day": moment.date().isoformat(), "sent": 7})

    archive.database.write(write)


OTHERS = (KeptMail, AuditEntry, IdempotencyKey, AccountDay)


@pytest.mark.parametrize(
    ("age", "left"),
    [
        (timedelta(hours=23), [1, 1, 1, 1]),
        (timedelta(hours=25), [1, 1, 0, 1]),
        (timedelta(days=29), [1, 1, 0, 1]),
        (timedelta(days=31), [0, 1, 0, 1]),
        (timedelta(days=366), [0, 0, 0, 1]),
        (timedelta(days=402), [0, 0, 0, 0]),
    ],
)
def test_other_things_go_at_their_ages(archive: Archive, age: timedelta, left: list[int]) -> None:
    add_other_things(archive, age, "k")

    archive.retention().run()

    assert [archive.count(model) for model in OTHERS] == left


def test_run_of_a_task_that_there_is_no_longer_is_forgotten(archive: Archive) -> None:
    def write(session: Session) -> None:
        insert_rows(session, ScheduleRun, {"key": "task_of_an_old_version", "last_run_at": NOON})
        insert_rows(session, ScheduleRun, {"key": "apply_retention", "last_run_at": NOON})

    archive.database.write(write)

    archive.retention().run()

    with archive.database.read() as session:
        assert session.scalars(select(ScheduleRun.key)).all() == ["apply_retention"]


def test_many_go_in_small_steps_of_which_each_is_a_write(archive: Archive) -> None:
    archive.messages(31, 2 * MESSAGE_STEP + 1)
    counted = _Counted(archive.database)

    removed = Retention(
        counted,  # type: ignore[arg-type]
        DatabaseSpace(archive.database, lambda fn: fn()),
        RetentionSettings(),
        remove_files=lambda: 0,
        clock=archive.clock,
    ).run()

    assert removed["messages"] == 2 * MESSAGE_STEP + 1
    assert archive.count(Message) == 0
    assert counted.most_gone_at_once == MESSAGE_STEP


def test_old_mail_behind_unsent_mail_is_found(archive: Archive) -> None:
    for _ in range(MESSAGE_STEP):
        archive.message(60, MessageStatus.HELD)
    old = archive.message(40)

    archive.retention().run()

    assert archive.has(old) == set()
    assert archive.count(Message) == MESSAGE_STEP


def test_preview_tells_what_a_run_then_removes(either: Archive) -> None:
    for days in (5, 15, 35, 105):
        either.message(days)
    either.message(105, MessageStatus.HELD)
    add_other_things(either, timedelta(days=500), "k")
    retention = either.retention(message_days=100, body_days=10, attempt_days=20)

    preview = retention.preview()
    removed = retention.run()

    counts = {one.kind: one.count for one in preview.kinds}
    assert counts == {
        "attachments": 2,
        "messages": 1,
        "bodies": 2,
        "attempts": 1,
        "mailbox": 1,
        "audit": 1,
        "account_days": 1,
        "idempotency_keys": 1,
        "schedule_runs": 0,
    }
    assert {kind: removed[kind] for kind in counts} == counts
    assert {one.kind: one.size for one in preview.kinds}["attachments"] == 2000
    assert preview.size > 3000
    assert all(one.count == 0 for one in retention.preview().kinds)


def test_preview_removes_nothing(archive: Archive) -> None:
    message_id = archive.message(1000)

    archive.retention().preview()

    assert archive.has(message_id) == WHOLE


def test_last_run_is_told(archive: Archive) -> None:
    retention = archive.retention()
    assert retention.last_report() is None
    archive.message(31)

    retention.run()

    report = retention.last_report()
    assert report is not None
    assert (report.state, report.started_at, report.finished_at) == (RunState.FINISHED, NOON, NOON)
    assert (report.removed["messages"], report.removed["files"]) == (1, 3)
    assert report.size_before > 0
    assert report.size_after is not None


def test_files_that_nothing_needs_any_more_go_in_the_same_run(archive: Archive) -> None:
    archive.retention().run()

    assert archive.removed_files == 1


def test_two_runs_at_once_are_one(archive: Archive) -> None:
    retention = archive.retention()
    answers: list[dict[str, Any]] = []
    states: list[RunState] = []

    def meanwhile() -> int:
        answers.append(retention.run())
        report = retention.last_report()
        states.append(report.state if report else RunState.FINISHED)
        return 0

    retention._remove_files = meanwhile
    retention.run()

    assert answers == [{"skipped": "another run is at work"}]
    assert states == [RunState.RUNNING]


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("steps", range(6))
def test_run_that_died_is_told_and_the_next_one_goes_on(archive: Archive, steps: int) -> None:
    old = [archive.message(31) for _ in range(3)]
    young = archive.message(1)
    dying = Retention(
        _DiesAfter(archive.database, steps),  # type: ignore[arg-type]
        DatabaseSpace(archive.database, lambda fn: fn()),
        RetentionSettings(),
        remove_files=lambda: 0,
        clock=archive.clock,
    )
    with pytest.raises(Died):
        dying.run()
    report = archive.retention().last_report()
    assert report is None if steps == 0 else report is not None and report.state is RunState.INTERRUPTED

    archive.retention().run()

    assert [archive.has(one) for one in (*old, young)] == [set(), set(), set(), WHOLE]


def test_run_that_is_interrupted_ends_after_its_step(archive: Archive) -> None:
    archive.message(31)
    retention = archive.retention()
    retention.interrupt()

    retention.run()

    report = retention.last_report()
    assert report is not None
    assert report.state is RunState.INTERRUPTED
    assert archive.count(Message) == 1
    assert archive.removed_files == 0


def test_file_gets_smaller_but_for_room_that_new_mail_will_fill(archive: Archive) -> None:
    for _ in range(40):
        archive.message(31)
    archive.database.write(
        lambda session: insert_rows(
            session, MessageBody, *({"message_id": one, "text": "x" * 60_000} for one in bodyless(session))
        )
    )
    before = DatabaseSpace(archive.database, lambda fn: fn()).usage()

    archive.retention().run()

    after = DatabaseSpace(archive.database, lambda fn: fn()).usage()
    assert after.size < before.size / 2
    assert after.free is not None
    assert after.free <= after.size / 20


def bodyless(session: Session) -> list[str]:
    """Their bodies, taken out to be put in again with a size."""
    ids = list(session.scalars(select(Message.id)))
    session.execute(MessageBody.__table__.delete())
    return ids


def test_who_asked_for_a_run_is_noted(archive: Archive) -> None:
    with audit.act_as(Actor(ActorKind.USER, "usr_alice", "alice")):
        archive.retention().ask()

    with archive.database.read() as session:
        [entry] = session.scalars(select(AuditEntry))
    assert (entry.action, entry.actor_name, entry.at) == ("retention.run", "alice", NOON)


class _Passing:
    """A database whose writes a test looks at."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.url = database.url
        self.read = database.read

    def write(self, fn: Callable[[Session], Any]) -> Any:
        return self._database.write(fn)


class _Counted(_Passing):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.most_gone_at_once = 0

    def write(self, fn: Callable[[Session], Any]) -> Any:
        before = self._messages()
        result = super().write(fn)
        self.most_gone_at_once = max(self.most_gone_at_once, before - self._messages())
        return result

    def _messages(self) -> int:
        with self.read() as session:
            return session.scalar(select(func.count()).select_from(Message)) or 0


class _DiesAfter(_Passing):
    def __init__(self, database: Database, writes: int) -> None:
        super().__init__(database)
        self._left: Iterator[int] = iter(range(writes))

    def write(self, fn: Callable[[Session], Any]) -> Any:
        if next(self._left, None) is None:
            raise Died
        return super().write(fn)
