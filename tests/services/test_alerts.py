"""Alerts are raised once, told of once, reminded of seldom, and over when what they tell of has stayed away."""

from dataclasses import replace

import gevent
import pytest
from sqlalchemy import update

from appliance.db.database import Database
from appliance.db.models import SenderAccount
from appliance.errors import Forbidden
from appliance.services import audit
from tests.factories import add_account
from tests.fakes import FakeClock
from tests.services.alerting import BOTH, FAILED_BACKUP, Box


@pytest.fixture
def box(database: Database, clock: FakeClock) -> Box:
    return Box(database, clock)


def test_nothing_is_an_alert_before_it_has_lasted(box: Box) -> None:
    box.backup = FAILED_BACKUP

    box.after(120)
    assert box.kinds == []

    box.after(15)
    assert box.kinds == ["backup"]


def test_what_goes_away_in_time_never_was_an_alert(box: Box) -> None:
    box.backup = FAILED_BACKUP
    box.after(105)
    box.backup = None
    box.after(15)
    box.backup = FAILED_BACKUP
    box.after(120)

    assert (box.kinds, box.past(), box.told) == ([], [], [])


def test_it_is_told_of_once_when_raised_and_once_when_over(box: Box) -> None:
    box.backup = FAILED_BACKUP
    box.after(3600)
    assert box.titles == ["[Postroom box] Alert: No backup was made"]

    box.backup = None
    box.after(3600)

    assert box.titles[1:] == ["[Postroom box] Over: No backup was made"]
    assert box.kinds == []
    [over] = box.past()
    assert over.cleared_at is not None


def test_it_is_over_only_after_it_has_stayed_away(box: Box) -> None:
    box.backup = FAILED_BACKUP
    box.after(150)
    box.backup = None

    box.after(300)
    assert box.kinds == ["backup"]

    box.after(15)
    assert box.kinds == []


def test_between_the_marks_it_is_neither_raised_nor_over(box: Box) -> None:
    box.free_mb = 1100
    box.after(600)
    assert box.kinds == []

    box.free_mb = 900
    box.after(150)
    box.free_mb = 1100
    box.after(3600)
    assert box.kinds == ["disk"]

    box.free_mb = 1300
    box.after(330)
    assert box.kinds == []


def test_reminders_come_as_seldom_as_the_setting_says(box: Box) -> None:
    box.backup = FAILED_BACKUP
    box.after(150)

    for _ in range(3 * 24):
        box.later(hours=1)

    assert box.titles == ["[Postroom box] Alert: No backup was made", *["[Postroom box] Still: No backup was made"] * 2]


def test_a_restart_neither_tells_it_again_nor_loses_it(box: Box) -> None:
    box.backup = FAILED_BACKUP
    box.after(150)

    again = Box(box.database, box.clock, backup=FAILED_BACKUP)
    again.after(600)
    assert (again.kinds, again.told) == (["backup"], [])

    again.backup = None
    again.after(330)
    assert again.titles == ["[Postroom box] Over: No backup was made"]


def test_what_comes_and_goes_is_told_of_once_an_hour_at_most(box: Box) -> None:
    for _ in range(12):
        box.backup = FAILED_BACKUP
        box.after(300)
        box.backup = None
        box.after(600)

    assert box.kinds == ["backup"]
    assert [title.split("] ")[1].split(":")[0] for title in box.titles] == ["Alert", "Over", "Alert"]


def test_what_is_shown_are_the_facts_of_the_last_look(box: Box) -> None:
    box.free_mb = 900
    box.after(150)
    box.free_mb = 700
    box.after(15)

    [alert] = box.alerts.open()
    assert alert.sentence == "The disk of /var/lib/postroom has 700 MB left."
    assert alert.since < box.clock()


def test_boxes_on_one_database_share_what_is_shared_and_nothing_else(box: Box) -> None:
    other = Box(box.database, box.clock, box_id="otherbox")
    box.free_mb = 10
    box.after(150)

    other.after(600)

    assert (box.kinds, other.kinds, other.told) == (["disk"], [], [])


@pytest.mark.postgres
def test_on_a_database_server_two_boxes_raise_what_they_share_once(
    postgres_database: Database, clock: FakeClock
) -> None:
    broken = {"breaker_until": clock(), "breaker_failures": 1, "last_error": "No answer."}
    postgres_database.write(lambda session: add_account(session, **broken))
    boxes = [Box(postgres_database, clock, box_id=f"box{number}") for number in range(2)]
    for _ in range(10):
        clock.advance(seconds=15)
        for box in boxes:
            box.timer.seconds += 15
        gevent.joinall([gevent.spawn(box.alerts.turn) for box in boxes], raise_error=True)

    assert [box.kinds for box in boxes] == [["account_broken"]] * 2
    assert len(boxes[0].told) + len(boxes[1].told) == 1

    postgres_database.write(lambda session: session.execute(update(SenderAccount).values(breaker_until=None)) and None)
    boxes[0].after(330)
    assert [box.kinds for box in boxes] == [[], []]
    assert len(boxes[0].past()) == 1


def test_without_ways_nothing_is_told_and_alerts_are_shown(database: Database, clock: FakeClock) -> None:
    silent = type(BOTH)()
    box = Box(database, clock, silent)
    box.backup = FAILED_BACKUP

    box.after(150)

    [alert] = box.alerts.open()
    assert (alert.told_at, alert.trouble, box.submitted) == (None, "", [])


def test_old_alerts_go_after_a_year(box: Box) -> None:
    box.backup = FAILED_BACKUP
    box.after(150)
    box.backup = None
    box.after(330)
    assert len(box.past()) == 1

    box.later(days=366)

    assert box.past() == []


def test_only_administrators_have_a_test_sent(box: Box) -> None:
    operator = replace(audit.SYSTEM, role="operator")

    with audit.act_as(operator), pytest.raises(Forbidden):
        box.alerts.test()

    assert box.told == []
