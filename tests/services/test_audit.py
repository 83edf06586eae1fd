"""Who acts, and what each change leaves behind."""

from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from appliance.db.database import Database
from appliance.db.models import AuditEntry
from appliance.db.models.audit_entry import ActorKind
from appliance.errors import NotFound, WrongState
from appliance.services import audit
from appliance.services.audit import SYSTEM, Actor
from tests.fakes import NOON
from tests.services.conftest import Chain

ALICE = Actor(ActorKind.USER, "usr_alice", "alice", "192.0.2.7", "req_7")


def entries(database: Database) -> list[AuditEntry]:
    with database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def told(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.action, one.target, one.detail) for one in entries(database)]


def test_appliance_itself_acts_unless_somebody_else_is_named() -> None:
    before = audit.acting()
    with audit.act_as(ALICE):
        within = audit.acting()

    assert (before, within, audit.acting()) == (SYSTEM, ALICE, SYSTEM)


def test_somebody_who_acts_in_one_thread_acts_in_no_other() -> None:
    found: list[Actor] = []

    with audit.act_as(ALICE):
        other = Thread(target=lambda: found.append(audit.acting()))
        other.start()
        other.join()

    assert found == [SYSTEM]


def test_entry_says_who_what_when_and_from_where() -> None:
    with audit.act_as(ALICE):
        row = audit.entry("key.created", "key_1", {"name": "shop"}, NOON)

    assert row.pop("id").startswith("aud_")
    assert row == {
        "at": NOON,
        "actor_kind": "user",
        "actor_id": "usr_alice",
        "actor_name": "alice",
        "address": "192.0.2.7",
        "action": "key.created",
        "target": "key_1",
        "detail": {"name": "shop"},
        "request_id": "req_7",
    }


def test_change_of_a_message_leaves_an_entry(chain: Chain) -> None:
    message = chain.submit()

    with audit.act_as(ALICE):
        chain.messages.cancel(message)

    (found,) = entries(chain.database)
    assert (found.action, found.target, found.detail) == ("message.cancelled", message, {"was": "queued"})
    assert (found.actor_id, found.address, found.request_id) == ("usr_alice", "192.0.2.7", "req_7")


def test_what_was_refused_leaves_none(chain: Chain) -> None:
    message = chain.submit()
    chain.messages.cancel(message)

    with pytest.raises(WrongState):
        chain.messages.cancel(message)
    with pytest.raises(NotFound):
        chain.accounts.pause("acc_nobody")

    assert [action for action, _, _ in told(chain.database)] == ["message.cancelled"]


def test_entries_of_an_account_tell_what_changed_and_never_a_password(chain: Chain) -> None:
    account = chain.account(username="shop", password="the secret of shop")
    chain.accounts.change(account, {"daily_limit": 20, "password": "another secret"})
    chain.accounts.pause(account)
    chain.accounts.resume(account)
    chain.accounts.delete(account)

    found = told(chain.database)
    assert [(action, target) for action, target, _ in found] == [
        (f"account.{verb}", account) for verb in ("created", "changed", "paused", "resumed", "deleted")
    ]
    assert found[0][2]["password"] == "set"
    assert found[1][2] == {"daily_limit": [None, 20], "password": "changed"}
    assert "secret" not in str(found)


def test_suppressions_leave_entries(chain: Chain) -> None:
    entry = chain.suppressions.add("Ann@Example.com", "asked", source="manual")  # type: ignore[arg-type]
    chain.suppressions.import_csv(b"address\nbob@example.com\n")
    chain.suppressions.remove("ann@example.com")

    assert told(chain.database) == [
        ("suppression.added", entry, {"address": "ann@example.com", "reason": "asked", "expires_at": None}),
        ("suppression.imported", "", {"imported": 1, "refused": 0}),
        ("suppression.removed", entry, {"address": "ann@example.com", "stopped": 0, "release": False}),
    ]


def test_emptying_the_mailbox_leaves_an_entry(chain: Chain) -> None:
    chain.submit()
    chain.turn()

    chain.mailbox.empty()

    assert told(chain.database) == [("mailbox.emptied", "acc_mailbox", {"count": 1})]
