"""An alert's e-mail that does not reach whom it is meant for is itself something that needs a person."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from appliance.config.alert_settings import AlertSettings
from appliance.db.database import Database
from appliance.db.models import Message, Recipient, Suppression
from appliance.db.models.base import insert_rows
from appliance.db.models.recipient import RecipientStatus
from appliance.db.models.suppression import SuppressionSource
from appliance.services.suppression_entry import Entry
from tests.factories import add_account
from tests.fakes import FakeClock
from tests.services.alerting import BOTH, FAILED_BACKUP, Box

TWO = BOTH.model_copy(update={"email": ("Ann@example.com", "bob@example.com")})


@pytest.fixture
def make_box(database: Database, clock: FakeClock) -> Callable[..., Box]:
    def make(settings: AlertSettings = BOTH) -> Box:
        database.write(lambda session: add_account(session))
        return Box(database, clock, settings)

    return make


def suppress(box: Box, address: str, reason: str = "it bounced") -> None:
    row = Entry(address, reason, None).row(SuppressionSource.REFUSAL, box.clock())
    box.database.write(lambda session: insert_rows(session, Suppression, row))


def settle(box: Box, email: str, status: RecipientStatus) -> None:
    """What became of the mails to this address."""
    query = update(Recipient).where(Recipient.email == email)
    values = {"status": status, "reply_code": 550, "reply_text": "5.7.1 no alerts, please"}
    box.database.write(lambda session: session.execute(query.values(**values)) and None)


def sentences(box: Box) -> list[str]:
    return [one.sentence for one in box.alerts.open() if one.kind == "unheard"]


def test_who_is_suppressed_is_shown_before_there_is_anything_to_tell(make_box: Callable[..., Box]) -> None:
    box = make_box(TWO)
    suppress(box, "ann@example.com")

    box.after(150)

    assert sentences(box) == ["E-mails of alerts do not reach Ann@example.com (it bounced)."]
    assert [[one.email for one in mail.to] for mail in box.submitted] == [["bob@example.com"]]
    assert box.titles == ["[Postroom box] Alert: Alerts do not reach somebody"]


def test_whole_domain_that_is_suppressed_is_no_way_to_a_person(make_box: Callable[..., Box]) -> None:
    box = make_box()
    suppress(box, "example.com", "moved")
    box.urls_work = False

    box.backup = FAILED_BACKUP
    box.after(150)

    assert box.submitted == []
    backup = next(one for one in box.alerts.open() if one.kind == "backup")
    assert backup.told_at is None
    assert "No e-mail is sent to ann@example.com (the whole domain example.com: moved)." in backup.trouble


def test_a_test_says_that_an_address_is_suppressed(make_box: Callable[..., Box]) -> None:
    box = make_box()
    suppress(box, "ann@example.com")

    told = box.alerts.test()

    assert told.email == "No e-mail is sent to ann@example.com (it bounced)."


def test_refusal_of_the_last_mail_is_an_alert_until_one_gets_through(make_box: Callable[..., Box]) -> None:
    box = make_box(TWO)
    box.backup = FAILED_BACKUP
    box.after(150)
    settle(box, "bob@example.com", RecipientStatus.FAILED)
    settle(box, "Ann@example.com", RecipientStatus.SENT)

    box.after(150)
    assert sentences(box) == ["E-mails of alerts do not reach bob@example.com (550 5.7.1 no alerts, please)."]

    settle(box, "bob@example.com", RecipientStatus.SENT)
    box.after(330)
    assert sentences(box) == []


def test_mail_that_is_on_its_way_neither_raises_nor_ends_it(make_box: Callable[..., Box]) -> None:
    box = make_box()
    box.backup = FAILED_BACKUP
    box.after(150)
    assert sentences(box) == []
    settle(box, "ann@example.com", RecipientStatus.FAILED)
    box.after(150)
    assert len(sentences(box)) == 1  # and the mail that tells of it is on its way

    box.after(600)

    assert len(sentences(box)) == 1


def test_address_that_was_taken_off_the_list_is_over(make_box: Callable[..., Box]) -> None:
    box = make_box()
    suppress(box, "ann@example.com")
    box.after(150)
    assert len(sentences(box)) == 1

    box.database.write(lambda session: session.execute(delete(Suppression)) and None)
    box.after(330)

    assert sentences(box) == []


def test_mail_that_retention_has_removed_tells_nothing(make_box: Callable[..., Box]) -> None:
    box = make_box()
    box.alerts.test()
    settle(box, "ann@example.com", RecipientStatus.FAILED)
    box.database.write(lambda session: session.execute(delete(Message)) and None)

    box.after(150)

    assert sentences(box) == []


def test_each_box_looks_at_its_own_mail(make_box: Callable[..., Box], database: Database, clock: FakeClock) -> None:
    box = make_box()
    other = Box(database, clock, TWO, box_id="otherbox")
    box.alerts.test()
    settle(box, "ann@example.com", RecipientStatus.FAILED)
    other.alerts.test()

    box.after(150)
    other.after(600)

    assert (len(sentences(box)), sentences(other)) == (1, [])


def test_expired_entry_of_the_list_stops_nobody(make_box: Callable[..., Box]) -> None:
    box = make_box()
    row = Entry("ann@example.com", "", box.clock() - timedelta(days=1)).row(SuppressionSource.REFUSAL, box.clock())
    box.database.write(lambda session: insert_rows(session, Suppression, row))

    assert box.alerts.test().email == ""


def test_slip_in_one_address_silences_neither_the_others_nor_any_alert(make_box: Callable[..., Box]) -> None:
    box = make_box(BOTH.model_copy(update={"email": ("ann@-example-.com", "bob@example.com")}))

    box.after(150)

    [sentence] = sentences(box)
    assert "ann@-example-.com" in sentence
    assert [[one.email for one in mail.to] for mail in box.submitted] == [["bob@example.com"]]
