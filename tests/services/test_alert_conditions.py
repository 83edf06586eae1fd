"""What may need a person is seen, with its facts, and only then."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from appliance.config.alert_settings import AlertSettings
from appliance.db.database import Database
from appliance.db.models import Flag, SenderAccount, WebhookEndpoint
from appliance.db.models.base import insert_rows
from appliance.db.models.box import SENDING_PAUSED
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.rollup import COUNTERS, EVERYBODY, TIMES, Dimension, Rollup, Unit
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.types import new_id
from appliance.health import Health, Status
from appliance.services.alert_conditions import Seen
from appliance.services.backups import BackupRun
from appliance.services.webhook_endpoints import BY_HAND
from appliance.services.webhook_record import DEAD
from tests.factories import add_account, add_message
from tests.fakes import NOON, FakeClock
from tests.services.alerting import FAILED_BACKUP, Box


@pytest.fixture
def box(database: Database, clock: FakeClock) -> Box:
    return Box(database, clock)


def seen(box: Box) -> list[Seen]:
    return box.conditions.look(box.clock())


def account(box: Box, **overrides: Any) -> str:
    return box.database.write(lambda session: add_account(session, **overrides))


def count(box: Box, hours_ago: int = 0, **counts: int) -> None:
    """Messages that ended in that hour."""
    row: dict[str, Any] = dict.fromkeys((*COUNTERS, *TIMES), 0)
    period = (box.clock() - timedelta(hours=hours_ago)).isoformat()[:13]
    row |= {"unit": Unit.HOUR, "scope": EVERYBODY, "dimension": Dimension.TOTAL, "period": period, "value": ""} | counts
    box.database.write(lambda session: Rollup.add(session, [row]))


def test_a_box_that_is_well_shows_nothing(box: Box) -> None:
    account(box, id=BUILT_IN_MAILBOX_ID, transport="mailbox")
    account(box, daily_limit=100)
    count(box, sent=1000)

    assert seen(box) == []


def test_an_account_whose_breaker_is_not_closed_is_broken(box: Box) -> None:
    resting = account(box, breaker_until=box.clock() + timedelta(minutes=1), last_error="Login refused.")
    account(box, breaker_until=box.clock(), active=False)

    [one] = seen(box)

    assert (one.kind, one.subject, one.bad, one.here) == ("account_broken", resting, True, False)
    assert one.facts == {"name": "Shop", "error": "Login refused."}


@pytest.mark.parametrize(("sent", "bad"), [(100, True), (96, False)])
def test_an_account_is_exhausted_at_its_limit_and_not_well_until_there_is_room(box: Box, sent: int, bad: bool) -> None:
    account(box, daily_limit=100, count=sent, count_date="2026-03-10")

    [one] = seen(box)

    assert (one.kind, one.bad) == ("account_exhausted", bad)
    assert one.facts["until"] == "2026-03-11T00:00:00+00:00"


def full_account(box: Box, **overrides: Any) -> str:
    return account(box, daily_limit=100, count=100, count_date="2026-03-10", **overrides)


def of_full_account(box: Box, account_id: str) -> Seen:
    return next(one for one in seen(box) if one.subject == account_id)


def held(box: Box, **overrides: Any) -> None:
    row: dict[str, Any] = {"status": MessageStatus.HELD, "reason": Reason.QUOTA} | overrides
    until = box.clock() + timedelta(hours=12)
    box.database.write(lambda session: add_message(session, due_at=until, **row))


@pytest.mark.parametrize("other", [{}, {"daily_limit": 5}, {"breaker_until": NOON}], ids=["free", "room", "probing"])
def test_where_another_account_takes_over_nothing_waits(box: Box, other: dict[str, Any]) -> None:
    account_id = full_account(box)
    account(box, **other)
    held(box)  # a moment ago there was none that could
    held(box, reason=Reason.KEPT_BACK, account_id=account_id)

    assert of_full_account(box, account_id).facts["waits"] is False


@pytest.mark.parametrize(
    "other",
    [{"active": False}, {"breaker_until": NOON + timedelta(minutes=1)}, {"id": BUILT_IN_MAILBOX_ID}],
    ids=["paused", "resting", "only the built-in mailbox"],
)
def test_where_no_other_account_can_send_mail_waits(box: Box, other: dict[str, Any]) -> None:
    account_id = full_account(box)
    account(box, **other)

    assert of_full_account(box, account_id).facts["waits"] is True


def test_an_account_that_takes_over_must_not_be_full_itself(box: Box) -> None:
    both = full_account(box), full_account(box)

    assert [of_full_account(box, one).facts["waits"] for one in both] == [True, True]


def test_what_may_go_through_a_full_account_only_waits(box: Box) -> None:
    asked_for, allowed, another = full_account(box), full_account(box), full_account(box)
    account(box)
    held(box, account_id=asked_for)
    held(box, allowed_accounts=f"acc_gone {allowed}")

    assert [of_full_account(box, one).facts["waits"] for one in (asked_for, allowed, another)] == [True, True, False]


def test_an_account_is_not_exhausted_by_what_it_sent_yesterday(box: Box) -> None:
    account(box, daily_limit=100, count=100, count_date="2026-03-09")

    assert seen(box) == []


@pytest.mark.parametrize(
    ("failed", "sent", "found"),
    [(10, 30, [True]), (6, 34, [False]), (2, 38, []), (9, 10, [])],
    ids=["many", "between", "few", "too few messages"],
)
def test_failures_count_by_their_part(box: Box, failed: int, sent: int, found: list[bool]) -> None:
    count(box, failed=failed, sent=sent - 5)
    count(box, hours_ago=1, sent=5)
    count(box, hours_ago=2, failed=1000)

    assert [one.bad for one in seen(box)] == found


def test_a_message_that_is_due_for_long_is_seen(box: Box) -> None:
    message = box.database.write(lambda session: add_message(session, due_at=box.clock() - timedelta(minutes=20)))

    [one] = seen(box)

    assert (one.kind, one.bad) == ("queue_age", True)
    assert one.facts == {"message": message, "seconds": 1200}


def test_while_a_person_has_paused_the_box_nothing_is_late_and_what_was_late_is_not_over(box: Box) -> None:
    box.database.write(lambda session: add_message(session, due_at=box.clock() - timedelta(minutes=20)))
    value = {"reason": "asked", "detail": "", "by": "alice"}
    box.database.write(lambda session: Flag.put(session, SENDING_PAUSED, value, now=box.clock()))

    assert [(one.kind, one.bad) for one in seen(box)] == [("queue_age", False)]


def test_a_disk_that_fills_up_is_seen_before_mail_is_refused(box: Box) -> None:
    box.free_mb = 900

    [one] = seen(box)

    assert (one.kind, one.bad, one.here) == ("disk", True, True)
    assert one.facts == {"free_mb": 900, "directory": "/var/lib/postroom"}


def test_a_failed_backup_is_seen(box: Box) -> None:
    box.backup = FAILED_BACKUP

    [one] = seen(box)

    assert (one.kind, one.facts["error"]) == ("backup", "The disk is full.")


def test_a_backup_that_lacks_what_unsent_messages_need_is_seen(box: Box) -> None:
    made = BackupRun(NOON, "postroom.tar.zst", 5, 1.0, missing_attachments=3)
    box.backup = made
    assert seen(box) == []

    box.backup = replace(made, missing_for_waiting=2)

    [one] = seen(box)
    assert (one.kind, one.facts["missing"], one.here) == ("backup_incomplete", 2, True)


def test_a_failed_component_is_seen(box: Box) -> None:
    box.health = [Health("worker", Status.FAILED, "No broker."), Health("monitor", Status.RUNNING)]

    [one] = seen(box)

    assert (one.kind, one.subject, one.bad) == ("component", "worker", True)


def test_a_certificate_is_seen_while_mail_goes_through_its_server(box: Box) -> None:
    near, far = box.clock() + timedelta(days=10), box.clock() + timedelta(days=40)
    box.certificates_of = {"near.example": near, "far.example": far, "idle.example": near}
    account(box, host="near.example", port=465, security="tls")
    account(box, host="far.example", port=465, security="tls")
    idle = account(box, host="idle.example", port=465, security="tls")
    box.certificates.check()
    box.database.write(lambda session: _deactivate(session, idle))

    [one] = seen(box)

    assert (one.kind, one.subject, one.facts["until"]) == ("certificate", "near.example:465", near.isoformat())


def endpoint(box: Box, **overrides: Any) -> str:
    now = box.clock()
    row: dict[str, Any] = {"id": new_id("whk"), "url": "https://hooks.example.com/s3cret", "events": ["*"]}
    row |= {"secret_encrypted": "x", "created_at": now, "updated_at": now} | overrides
    box.database.write(lambda session: insert_rows(session, WebhookEndpoint, row))
    return str(row["id"])


@pytest.mark.parametrize(("minutes", "found"), [(30, [True]), (29, [False]), (1, [False])])
def test_an_endpoint_that_accepts_nothing_for_long_is_seen(box: Box, minutes: int, found: list[bool]) -> None:
    since = box.clock() - timedelta(minutes=minutes)
    endpoint(box, failures=4, failing_since=since, last_error="The receiver answered 500.")

    assert [one.bad for one in seen(box)] == found
    assert seen(box)[0].facts == {
        "host": "hooks.example.com",
        "since": since.isoformat(),
        "error": "The receiver answered 500.",
        "paused": False,
    }


def test_an_endpoint_that_was_paused_by_itself_is_seen_until_it_is_resumed(box: Box) -> None:
    now = box.clock()
    fields = {"active": False, "paused_at": now, "failures": 9, "failing_since": now - timedelta(days=1)}
    dead = endpoint(box, **fields, paused_reason=DEAD)
    endpoint(box, **fields, paused_reason=BY_HAND)
    endpoint(box, **fields, paused_reason=DEAD, deleted_at=now)

    [one] = seen(box)

    assert (one.kind, one.subject, one.bad, one.here) == ("webhook", dead, True, False)
    assert (one.facts["since"], one.facts["error"], one.facts["paused"]) == (now.isoformat(), DEAD, True)


def test_endpoints_are_left_out_where_that_is_set(database: Database, clock: FakeClock) -> None:
    box = Box(database, clock, AlertSettings(webhook_minutes=0))
    endpoint(box, failures=9, failing_since=clock() - timedelta(days=1))
    endpoint(box, active=False, paused_at=clock(), paused_reason=DEAD)

    assert seen(box) == []


def test_while_a_person_has_paused_the_box_no_endpoint_is_dead_and_a_dead_one_is_not_well(box: Box) -> None:
    """Nothing is sent to it that it could accept, or not."""
    endpoint(box, failures=9, failing_since=box.clock() - timedelta(days=1))
    value = {"reason": "asked", "detail": "", "by": "alice"}
    box.database.write(lambda session: Flag.put(session, SENDING_PAUSED, value, now=box.clock()))

    assert [(one.kind, one.bad) for one in seen(box)] == [("webhook", False)]


def _deactivate(session: Session, account_id: str) -> None:
    account = session.get(SenderAccount, account_id)
    assert account is not None
    account.active = False
