from datetime import timedelta
from typing import Any

from appliance.db.database import Database
from appliance.db.models import Suppression
from appliance.db.models.recipient import RecipientStatus
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import suppressions
from tests.factories import add_message, add_recipient
from tests.fakes import NOON


def put(database: Database, *addresses: str, **fields: Any) -> None:
    usual = {"reason": "", "source": SuppressionSource.MANUAL, "created_at": NOON, "expires_at": None}
    rows = [{"id": f"sup_{address}", "address": address, **usual, **fields} for address in addresses]
    database.write(lambda session: Suppression.put(session, rows))


def active(database: Database, *emails: str) -> dict[str, str]:
    with database.read() as session:
        return {email: one.address for email, one in suppressions.active_for(session, emails, now=NOON).items()}


def test_address_comes_before_its_domain(database: Database) -> None:
    put(database, "ann@example.com", "example.com")

    assert active(database, "Ann@example.com", "bob@example.com", "bob@sub.example.com") == {
        "Ann@example.com": "ann@example.com",
        "bob@example.com": "example.com",
    }


def test_many_addresses_are_asked_for_in_one_call(database: Database) -> None:
    put(database, "a1500@example.com")

    assert active(database, *(f"a{number}@example.com" for number in range(2500))) == {
        "a1500@example.com": "a1500@example.com"
    }


def test_expired_entry_is_not_active(database: Database) -> None:
    put(database, "ann@example.com", expires_at=NOON)
    put(database, "bob@example.com", expires_at=NOON + timedelta(seconds=1))

    assert active(database, "ann@example.com", "bob@example.com") == {"bob@example.com": "bob@example.com"}


def test_pages_go_on_after_an_id_and_can_be_filtered(database: Database) -> None:
    put(database, "a@example.com", "b@example.com", "c@example.org")
    put(database, "d@example.com", source=SuppressionSource.IMPORT)
    put(database, "gone@example.com", expires_at=NOON)

    with database.read() as session:
        first, after = suppressions.page(session, now=NOON, limit=3)
        second, end = suppressions.page(session, now=NOON, limit=3, before=after)
        by_part, _ = suppressions.page(session, now=NOON, q="EXAMPLE.com")
        by_source, _ = suppressions.page(session, now=NOON, source="import")

    assert [one.address for one in (*first, *second)] == [
        "d@example.com",
        "c@example.org",
        "b@example.com",
        "a@example.com",
    ]
    assert end is None
    assert [one.address for one in by_part] == ["d@example.com", "b@example.com", "a@example.com"]
    assert [one.address for one in by_source] == ["d@example.com"]


def test_search_takes_wildcards_as_they_are(database: Database) -> None:
    put(database, "a_b@example.com", "axb@example.com")

    with database.read() as session:
        assert [one.address for one in suppressions.page(session, now=NOON, q="a_b")[0]] == ["a_b@example.com"]


def test_stopped_messages_are_counted_once_each(database: Database) -> None:
    def write(session: Any) -> list[str]:
        ids = [add_message(session) for _ in range(2)]
        for message_id in ids:
            for name in ("x", "y"):
                fields = {"status": RecipientStatus.SUPPRESSED, "suppressed_by": "sup_1"}
                add_recipient(session, message_id, email=f"{name}@example.com", **fields)
        add_recipient(session, ids[0], status=RecipientStatus.SENT)
        return ids

    ids = database.write(write)

    with database.read() as session:
        assert suppressions.stopped_counts(session, ["sup_1", "sup_2"]) == {"sup_1": 2}
        page = suppressions.stopped_ids(session, "sup_1", after="", limit=1)
        rest = suppressions.stopped_ids(session, "sup_1", after=page[0], limit=5)
        stopped = suppressions.stopped_messages(session, "sup_1", [*ids, "msg_none"])
    assert [*page, *rest] == ids
    assert stopped == [(message_id, "queued") for message_id in ids]


def test_entry_that_a_server_asks_for_leaves_other_entries_as_they_are(database: Database) -> None:
    put(database, "ann@example.com", reason="by hand")
    put(database, "bob@example.com", reason="over", expires_at=NOON)
    row = {"source": SuppressionSource.REFUSAL, "created_at": NOON, "expires_at": None, "reason": "refused"}

    database.write(
        lambda session: Suppression.put_refused(
            session, [{"id": f"sup_{n}", "address": f"{n}@example.com", **row} for n in ("ann", "bob", "cid")]
        )
    )

    with database.read() as session:
        found = {one.address: one.reason for one in suppressions.page(session, now=NOON)[0]}
    assert found == {"ann@example.com": "by hand", "bob@example.com": "refused", "cid@example.com": "refused"}
