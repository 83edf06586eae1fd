"""What is handed straight to the driver is what SQLAlchemy would have made of it."""

from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from appliance.db import prepared
from appliance.db.database import Database
from appliance.db.models import Event, Message, Recipient
from appliance.db.models.event import EventKind
from appliance.db.models.message import MessageStatus
from tests.factories import add_message
from tests.fakes import NOON
from tests.services_up import needs_postgres

INSERT_MESSAGE = insert(Message.__table__)  # type: ignore[arg-type]
INSERT_EVENT = insert(Event.__table__)  # type: ignore[arg-type]
CANCEL = (
    update(Message)
    .where(Message.subject == bindparam("of_subject"), Message.status == MessageStatus.QUEUED)
    .values(status=MessageStatus.CANCELLED, finished_at=bindparam("at"))
)
MESSAGE = {
    "subject": "100 % zażółć",
    "status": MessageStatus.QUEUED,
    "priority": 1,
    "reply_to": [{"email": "ann@example.com"}],
    "headers": {},
    "tags": ["a", "b"],
    "metadata": {"order": 7, "of": None},
    "rfc_message_id": "<1@box.example>",
    "created_at": NOON,
    "due_at": None,
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[needs_postgres, pytest.mark.postgres])])
def either(request: pytest.FixtureRequest) -> Database:
    name = "database" if request.param == "sqlite" else "postgres_database"
    database: Database = request.getfixturevalue(name)
    return database


def test_rows_are_as_sqlalchemy_writes_them(either: Database) -> None:
    def both(session: Session) -> None:
        session.connection().execute(INSERT_MESSAGE, [MESSAGE | {"id": "msg_by_sqlalchemy"}])
        prepared.execute(session, INSERT_MESSAGE, [MESSAGE | {"id": "msg_prepared"}])

    either.write(both)

    by_sqlalchemy, straight = (_raw(either, "messages", f"msg_{one}") for one in ("by_sqlalchemy", "prepared"))
    assert straight == by_sqlalchemy
    assert straight["attempts"] == 0  # a default of its column


def test_several_rows_are_one_call(either: Database) -> None:
    rows = [{"kind": EventKind.MESSAGE_SENT, "at": NOON, "tags": [], "message_id": f"msg_{one}"} for one in range(3)]

    either.write(lambda session: prepared.execute(session, INSERT_EVENT, rows) and None)

    with either.read() as session:
        assert session.scalars(select(Event.message_id).order_by(Event.id)).all() == ["msg_0", "msg_1", "msg_2"]


def test_change_tells_how_many_rows_it_changed(either: Database) -> None:
    def twice(session: Session) -> list[int]:
        add_message(session, subject="one")
        add_message(session, subject="one")
        add_message(session, subject="another")
        values = {"of_subject": "one", "at": NOON}
        return [prepared.execute(session, CANCEL, [values]).rowcount for _ in range(2)]

    assert either.write(twice) == [2, 0]


def test_row_that_leaves_out_what_another_names_is_refused(database: Database) -> None:
    rows: list[dict[str, Any]] = [{"kind": EventKind.MESSAGE_SENT, "at": NOON, "tags": []}, {"kind": "k", "tags": []}]

    with pytest.raises(KeyError, match="at"):
        database.write(lambda session: prepared.execute(session, INSERT_EVENT, rows) and None)


def test_statement_that_takes_a_list_does_not_suit() -> None:
    assert not prepared.suits(delete(Recipient).where(Recipient.id.in_(bindparam("ids", expanding=True))))
    assert prepared.suits(CANCEL)
    assert prepared.suits(INSERT_MESSAGE)


def _raw(database: Database, table: str, key: str) -> dict[str, Any]:
    """As the driver reads it, so that nothing is turned into something else on the way."""
    with database.read() as session:
        found = session.connection().exec_driver_sql(f"SELECT * FROM {table} WHERE id = '{key}'").mappings().one()
        return {name: value for name, value in found.items() if name != "id"}
