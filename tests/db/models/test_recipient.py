from appliance.db.database import Database
from appliance.db.models import Recipient
from appliance.db.models.recipient import RecipientStatus
from tests.factories import add_message
from tests.fakes import NOON


def outcomes(database: Database) -> list[tuple[str, str, int | None, bool]]:
    with database.read() as session:
        rows = session.query(Recipient).order_by(Recipient.id).all()
        return [(row.email, row.status, row.reply_code, row.finished_at is not None) for row in rows]


def test_pending_recipients_are_settled_together_and_others_left_alone(database: Database) -> None:
    message = database.write(lambda s: add_message(s, "ann@example.com", "bob@example.com", "cid@example.com"))
    database.write(lambda s: add_message(s, "of.another@example.com"))
    with database.read() as session:
        bob = session.query(Recipient.id).where(Recipient.email == "bob@example.com").scalar()
    database.write(lambda s: Recipient.settle(s, bob, RecipientStatus.FAILED, 550, "no such user", NOON))

    database.write(lambda s: Recipient.settle_pending(s, message, RecipientStatus.SENT, 250, "ok", NOON))

    assert outcomes(database) == [
        ("ann@example.com", "sent", 250, True),
        ("bob@example.com", "failed", 550, True),
        ("cid@example.com", "sent", 250, True),
        ("of.another@example.com", "pending", None, False),
    ]


def test_recipient_that_waits_has_a_reply_but_no_end(database: Database) -> None:
    message = database.write(lambda s: add_message(s))

    database.write(lambda s: Recipient.settle_pending(s, message, RecipientStatus.PENDING, 451, "later", NOON))

    assert outcomes(database) == [("ann@example.com", "pending", 451, False)]
