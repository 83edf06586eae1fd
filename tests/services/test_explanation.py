import re
from datetime import timedelta
from gettext import NullTranslations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance import language
from appliance.db.models import Message, Recipient, SenderAccount
from appliance.db.models.message import MessageStatus, Reason
from appliance.services.explanation import Scene, explain
from tests.fakes import NOON

BERLIN = ZoneInfo("Europe/Berlin")
SHOP = SenderAccount(id="acc_1", name="Shop", active=True, breaker_until=NOON, last_error="535 login refused.")


def scene(status: str, reason: str = "", *, recipients: list[str] | None = None, **fields: Any) -> Scene:
    usual = {"account_id": None, "claim_account_id": None, "due_at": None, "detail": "", "attempts": 0}
    message = Message(id="msg_1", status=status, reason=reason, **usual | fields)
    rows = [
        Recipient(email=f"{n}@example.com", status=one, reply_text="")
        for n, one in enumerate(recipients or ["pending"])
    ]
    return Scene(message, rows, {"acc_1": SHOP}, NOON, BERLIN)


LATER = NOON + timedelta(minutes=5)
LATEST = NOON + timedelta(minutes=30)
CASES: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("scheduled", "", {"due_at": LATER}, ("until 13:05 today (Europe/Berlin)", "cancel it")),
    ("queued", "", {"due_at": NOON}, ("in the outbox", "nothing needs to be done")),
    ("sending", "", {"claim_account_id": "acc_1"}, ("through the sender account 'Shop' right now",)),
    (
        "deferred",
        "temporary",
        {"due_at": LATER, "attempts": 2, "detail": "451 4.2.1 mailbox busy."},
        ("temporary error at attempt 2: 451 4.2.1 mailbox busy.", "until 13:05 today", "retry it to try at once"),
    ),
    (
        "deferred",
        "account_error",
        {"due_at": LATER, "detail": "login refused"},
        ("No sender account could be used: login refused.", "until 13:05", "mend the account under Sender accounts"),
    ),
    ("deferred", "uncertain", {"due_at": LATER}, ("is unknown", "until 13:05", "with the same Message-ID")),
    (
        "held",
        "quota",
        {"due_at": NOON + timedelta(hours=11)},
        ("No sender account has quota left today", "until 00:00 tomorrow (Europe/Berlin)", "raise a daily limit"),
    ),
    ("held", "quota", {"account_id": "acc_1"}, ("The sender account 'Shop' has no quota left today",)),
    ("held", "breaker", {"due_at": LATER}, ("rests after an error (535 login refused)", "until 13:05", "mend")),
    ("held", "paused", {}, ("is paused", "resume one under Sender accounts")),
    ("held", "no_account", {}, ("There is no sender account", "add one")),
    ("held", "account_gone", {"account_id": "acc_9"}, ("was deleted", "cancel it")),
    ("held", "uncertain", {}, ("is unknown", "Ask the recipient", "retry it")),
    ("held", "", {}, ("until somebody releases it",)),
    ("failed", "refused", {"detail": "550 no such user"}, ("for good: 550 no such user.", "Correct")),
    ("failed", "exhausted", {"attempts": 12, "detail": "451 later"}, ("after 12 attempts", "451 later", "Retry it")),
    ("failed", "invalid", {"detail": "too odd"}, ("could not be written as a message: too odd", "corrected")),
    ("failed", "", {}, ("It failed.",)),
    ("sent", "", {"recipients": ["sent"]}, ("accepted it for its recipient",)),
    ("sent", "", {"recipients": ["sent", "sent"]}, ("accepted it for all 2 recipients",)),
    (
        "partially_sent",
        "refused",
        {"recipients": ["sent", "failed", "sent"]},
        ("accepted 2 of 3 recipients and refused 1", "beside its address"),
    ),
    ("suppressed", "", {}, ("suppression list",)),
    (
        "suppressed",
        "suppressed",
        {"recipients": ["suppressed"]},
        ("Its recipient is", "0@example.com (no reason was given)", "Remove what stands under Suppressions"),
    ),
    ("suppressed", "suppressed", {"recipients": ["suppressed"] * 5}, ("All 5 recipients are", "and 2 more")),
    (
        "partially_sent",
        "suppressed",
        {"recipients": ["sent", "suppressed"]},
        ("accepted 1 of 2 recipients. Of its 2 recipients 1 is suppressed and left out: 1@example.com",),
    ),
    (
        "partially_sent",
        "refused",
        {"recipients": ["sent", "failed", "suppressed", "suppressed"]},
        ("accepted 1 of 4 recipients and refused 1", "2 are suppressed and left out"),
    ),
    ("queued", "", {"recipients": ["pending", "suppressed"]}, ("in the outbox", "1@example.com")),
    ("cancelled", "", {}, ("was cancelled",)),
    ("scheduled", "", {"due_at": LATER, "expires_at": LATEST}, ("until 13:05 today", "It expires at 13:30 today")),
    ("queued", "", {"due_at": NOON, "expires_at": LATEST}, ("in the outbox", "It expires at 13:30 today")),
    (
        "deferred",
        "temporary",
        {"due_at": LATEST, "expires_at": LATEST, "detail": "451 greylisted"},
        ("did not succeed: 451 greylisted.", "expires at 13:30 today (Europe/Berlin), before it could be tried again"),
    ),
    (
        "held",
        "quota",
        {"due_at": NOON + timedelta(hours=11), "expires_at": LATEST},
        ("held until 00:00 tomorrow", "It expires at 13:30 today (Europe/Berlin), before that"),
    ),
    (
        "failed",
        "expired",
        {"expires_at": NOON, "detail": "451 greylisted"},
        ("It expired at 13:00 today (Europe/Berlin) before it could be sent: 451 greylisted.", "Submit it anew"),
    ),
    (
        "partially_sent",
        "expired",
        {"expires_at": NOON, "recipients": ["sent", "failed"]},
        ("accepted 1 of 2 recipients", "for the others it expired"),
    ),
]


@pytest.mark.parametrize(("status", "reason", "fields", "parts"), CASES)
def test_message_explains_itself(status: str, reason: str, fields: dict[str, Any], parts: tuple[str, ...]) -> None:
    sentence = explain(scene(status, reason, **fields))

    for part in parts:
        assert part in sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert ".." not in sentence


@pytest.mark.parametrize("status", list(MessageStatus))
@pytest.mark.parametrize("reason", ["", *Reason])
def test_every_state_has_a_sentence_whatever_the_reason(status: str, reason: str) -> None:
    assert explain(scene(status, reason)).endswith(".")


@pytest.mark.parametrize(
    ("due", "words"),
    [
        (timedelta(0), "and is due now"),
        (timedelta(seconds=-1), "and is due now"),
        (timedelta(seconds=30), "until 13:01 today (Europe/Berlin)"),
        (timedelta(minutes=1), "until 13:01 today (Europe/Berlin)"),
        (timedelta(hours=11), "until 00:00 tomorrow (Europe/Berlin)"),
        (timedelta(days=2), "until 13:00 on 2026-03-12 (Europe/Berlin)"),
        (timedelta(days=20), "until 14:00 on 2026-03-30 (Europe/Berlin)"),
    ],
)
def test_moment_is_told_in_the_zone_of_the_appliance(due: timedelta, words: str) -> None:
    assert words in explain(scene("scheduled", due_at=NOON + due))


class Marking(NullTranslations):
    """Puts a mark around whatever it is asked for."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"«{msgid1 if n == 1 else msgid2}»"


@pytest.mark.parametrize(("status", "reason", "fields", "parts"), CASES)
def test_nothing_of_it_is_said_without_asking_for_its_translation(
    status: str, reason: str, fields: dict[str, Any], parts: tuple[str, ...]
) -> None:
    del parts
    language.speak(Marking())
    try:
        said = explain(scene(status, reason, **fields))
    finally:
        language.be_plain()

    left = said
    while (fewer := re.sub(r"«[^«»]*»", "", left)) != left:
        left = fewer
    assert left.strip() == ""
