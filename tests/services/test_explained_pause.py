"""What a message says of itself while the whole box is paused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from appliance.db.models import Message
from appliance.db.models.box import PauseReason
from appliance.db.queries.box import Pause
from appliance.services.explanation import Scene, explain
from tests.fakes import NOON
from tests.services.conftest import UTC

RESTORED = Pause(PauseReason.RESTORED, NOON, backup_at=NOON - timedelta(hours=9))
BY_HAND = Pause(PauseReason.ASKED, NOON - timedelta(hours=1), detail="the relay moves.", by="alice")


def told(status: str, pause: Pause, **fields: object) -> str:
    message = Message(id="msg_1", status=status, reason="", detail="", attempts=1, due_at=NOON, **fields)
    return explain(replace(Scene(message, [], {}, NOON, UTC), pause=pause))


def test_queued_message_waits_for_the_restored_box() -> None:
    assert told("queued", RESTORED) == (
        "The box is paused since it was restored from a backup that was made at 03:00 today (UTC); "
        "start sending on the status page, and it goes out."
    )


def test_queued_message_names_who_paused_the_box_and_why() -> None:
    assert told("queued", BY_HAND).startswith(
        "The box was paused by alice at 11:00 today (UTC) (the relay moves); start sending on the status page"
    )


@pytest.mark.parametrize("status", ["deferred", "held", "scheduled"])
def test_message_that_waits_for_something_else_says_both(status: str) -> None:
    text = told(status, RESTORED)

    assert " Besides, the box is paused since it was restored from a backup" in text
    assert not text.startswith("The box")


@pytest.mark.parametrize("status", ["sending", "sent", "failed", "cancelled"])
def test_message_that_does_not_wait_says_nothing_of_it(status: str) -> None:
    assert "paused" not in told(status, RESTORED)
