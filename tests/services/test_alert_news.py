"""Who is told of alerts, in which way, and what becomes of it when a way is blocked."""

from typing import Any

import pytest
from pydantic import SecretStr

from appliance.config.alert_settings import AlertSettings
from appliance.db.database import Database
from appliance.db.models import Flag, SenderAccount
from appliance.db.models.box import SENDING_PAUSED
from tests.factories import add_account
from tests.fakes import FakeClock
from tests.services.alerting import BOTH, FAILED_BACKUP, Box


@pytest.fixture
def box(database: Database, clock: FakeClock) -> Box:
    return Box(database, clock)


def account(box: Box, **overrides: Any) -> str:
    return box.database.write(lambda session: add_account(session, **overrides))


def fail_backup(box: Box) -> None:
    box.backup = FAILED_BACKUP
    box.after(150)


def test_it_goes_by_mail_and_to_the_urls(box: Box) -> None:
    account(box)

    fail_backup(box)

    [mail] = box.submitted
    assert [one.email for one in mail.to] == ["ann@example.com"]
    assert mail.subject == "[Postroom box] Alert: No backup was made"
    assert mail.text is not None
    assert "The backup of 2026-03-10 03:00 failed: The disk is full." in mail.text
    assert "http://localhost:8080/alerts" in mail.text
    assert [title for title, _ in box.told] == [mail.subject]
    [alert] = box.alerts.open()
    assert alert.told_at is not None
    assert alert.trouble == ""


def test_without_an_account_that_works_the_urls_say_that_mail_is_broken(box: Box) -> None:
    fail_backup(box)

    assert box.submitted == []
    [(_, text)] = box.told
    assert "Not told by e-mail: no sender account can send now." in text
    [alert] = box.alerts.open()
    assert alert.trouble == "no sender account can send now."


def test_while_sending_is_paused_no_mail_is_submitted(box: Box) -> None:
    account(box)
    value = {"reason": "asked", "detail": "", "by": "alice"}
    box.database.write(lambda session: Flag.put(session, SENDING_PAUSED, value, now=box.clock()))

    fail_backup(box)

    assert box.submitted == []
    assert "sending is paused." in box.told[0][1]


def test_an_alert_about_the_queue_is_not_put_into_the_queue(box: Box) -> None:
    account(box)
    box.free_mb = 10

    box.after(150)

    assert box.submitted == []
    assert "mail itself may be what is stuck." in box.told[0][1]


def test_a_broken_account_is_told_of_by_another_one(box: Box) -> None:
    account(box, name="Shop")
    broken = account(box, name="Old relay", breaker_until=box.clock.now, breaker_failures=1, last_error="No answer.")

    box.after(150)

    [mail] = box.submitted
    assert mail.text is not None
    assert "The sender account Old relay does not work. No answer." in mail.text
    assert box.alerts.open()[0].subject == broken


def test_several_at_once_are_one_mail(box: Box) -> None:
    account(box)
    for number in range(5):
        account(box, name=f"Relay {number}", breaker_until=box.clock.now, breaker_failures=1)

    box.after(150)

    assert [mail.subject for mail in box.submitted] == ["[Postroom box] 5 alerts"]
    assert box.submitted[0].text is not None
    assert box.submitted[0].text.count("does not work.") == 5


def test_what_could_not_be_told_is_tried_again_and_later_each_time(box: Box) -> None:
    box.urls_work = False
    fail_backup(box)
    [alert] = box.alerts.open()
    assert alert.told_at is None
    assert "no sender account can send now. Not taken by json://…" in alert.trouble

    box.after(60)  # a minute after the first time: again in vain
    box.urls_work = True
    box.after(90)
    assert box.titles == []

    box.after(30)
    assert box.titles == ["[Postroom box] Alert: No backup was made"]


def test_nobody_hears_of_the_end_of_what_nobody_heard_of(box: Box) -> None:
    box.urls_work = False
    fail_backup(box)
    box.backup = None
    box.after(330)
    box.urls_work = True

    box.later(days=2)

    assert box.told == []


def test_who_may_have_heard_of_it_before_a_crash_hears_of_its_end(database: Database, clock: FakeClock) -> None:
    box = Box(database, clock, BOTH.model_copy(update={"clear_seconds": 60}))

    def crash(_title: str, _text: str) -> None:
        raise KeyboardInterrupt

    box.news._tell_urls = crash
    with pytest.raises(KeyboardInterrupt):
        fail_backup(box)

    again = Box(database, clock)
    again.after(90)

    assert again.titles == ["[Postroom box] Over: No backup was made"]


def test_mail_alone_waits_until_an_account_works(database: Database, clock: FakeClock) -> None:
    box = Box(database, clock, AlertSettings(email=("ann@example.com",)))
    fail_backup(box)
    assert box.submitted == []

    account(box)
    box.later(hours=1)

    assert len(box.submitted) == 1


def test_a_test_says_of_each_way_what_became_of_it(box: Box) -> None:
    told = box.alerts.test()
    assert (told.email, told.urls, told.anybody) == ("no sender account can send now.", "", True)

    account(box)
    box.urls_work = False
    told = box.alerts.test()
    assert (told.email, told.urls) == ("", "Not taken by json://….")
    assert told.trouble == "Not taken by json://…."


def test_a_way_that_is_not_set_is_neither_told_nor_in_trouble(database: Database, clock: FakeClock) -> None:
    box = Box(database, clock, AlertSettings(urls=SecretStr("json://127.0.0.1/x")))

    told = box.alerts.test()

    assert (told.email, told.urls, told.trouble) == (None, "", "")


def test_the_built_in_mailbox_is_no_way_to_a_person(box: Box) -> None:
    account(box, transport="mailbox")

    fail_backup(box)

    assert box.submitted == []
    with box.database.read() as session:
        assert session.query(SenderAccount).count() == 1
