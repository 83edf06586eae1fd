"""Every alert says what is the matter and what to do, in the language spoken."""

from gettext import NullTranslations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.db.models.alert import AlertKind
from appliance.language import be_plain, speak
from appliance.services import alert_words
from appliance.services.webhook_record import DEAD

FACTS: dict[AlertKind, dict[str, Any]] = {
    AlertKind.ACCOUNT_BROKEN: {"name": "Shop", "error": "Login refused."},
    AlertKind.ACCOUNT_EXHAUSTED: {"name": "Shop", "limit": 100, "until": "2026-03-11T00:00:00+00:00", "waits": True},
    AlertKind.FAILURE_RATE: {"failed": 10, "tried": 40, "percent": 25},
    AlertKind.QUEUE_AGE: {"message": "msg_1", "seconds": 1200},
    AlertKind.DISK: {"free_mb": 900, "directory": "/var/lib/postroom"},
    AlertKind.COMPONENT: {"name": "worker", "restarts": 3, "error": "No broker."},
    AlertKind.BACKUP: {"error": "The disk is full.", "at": "2026-03-10T03:00:00+00:00"},
    AlertKind.BACKUP_INCOMPLETE: {"missing": 2, "at": "2026-03-10T03:00:00+00:00"},
    AlertKind.CERTIFICATE: {"server": "mail.example:465", "until": "2026-04-01T00:00:00+00:00"},
    AlertKind.UNHEARD: {"address": "ann@example.com", "why": "550 5.1.1 no such user"},
    AlertKind.WEBHOOK: {
        "host": "hooks.example.com",
        "since": "2026-03-10T03:00:00+00:00",
        "error": "",
        "paused": False,
    },
}
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_words(kind: AlertKind) -> None:
    said = [
        alert_words.sentence(kind, FACTS[kind], BERLIN),
        alert_words.remedy(kind, FACTS[kind]),
        alert_words.title(kind),
    ]

    assert all(said)
    assert "%" not in said[0].replace("25 % of", "")


@pytest.mark.parametrize(
    ("restarts", "words"),
    [(0, "has failed. No broker."), (1, "again once within ten minutes."), (3, "again 3 times within ten minutes.")],
)
def test_a_component_that_is_down_says_so_however_often_it_was_started(restarts: int, words: str) -> None:
    facts = FACTS[AlertKind.COMPONENT] | {"restarts": restarts}

    assert words in alert_words.sentence(AlertKind.COMPONENT, facts, BERLIN)


def test_a_full_account_says_that_mail_waits_only_where_it_does() -> None:
    kind = AlertKind.ACCOUNT_EXHAUSTED
    covered = FACTS[kind] | {"waits": False}

    assert "waits" in alert_words.remedy(kind, FACTS[kind])
    assert not alert_words.is_mild(kind, FACTS[kind])
    assert "Other sender accounts take over" in alert_words.remedy(kind, covered)
    assert "waits" not in alert_words.remedy(kind, covered)
    assert alert_words.is_mild(kind, covered)


def test_a_full_account_of_an_earlier_version_is_told_of_as_it_was() -> None:
    facts = {name: fact for name, fact in FACTS[AlertKind.ACCOUNT_EXHAUSTED].items() if name != "waits"}

    assert "waits" in alert_words.remedy(AlertKind.ACCOUNT_EXHAUSTED, facts)


@pytest.mark.parametrize(("paused", "words"), [(False, "accepted nothing since"), (True, "was paused")])
def test_an_endpoint_says_whether_it_is_still_tried(paused: bool, words: str) -> None:
    facts = FACTS[AlertKind.WEBHOOK] | {"paused": paused, "error": DEAD}

    said = alert_words.sentence(AlertKind.WEBHOOK, facts, BERLIN)

    assert words in said
    assert "2026-03-10 04:00" in said
    assert said.endswith(DEAD)
    assert ("resume" in alert_words.remedy(AlertKind.WEBHOOK, facts)) is paused


def test_moments_are_those_of_the_zone() -> None:
    kind = AlertKind.BACKUP

    assert alert_words.sentence(kind, FACTS[kind], BERLIN) == "The backup of 2026-03-10 04:00 failed: The disk is full."


def test_words_are_those_of_the_language_spoken() -> None:
    class Loud(NullTranslations):
        def gettext(self, message: str) -> str:
            return message.upper()

    speak(Loud())
    try:
        assert alert_words.title(AlertKind.DISK) == "DISK NEARLY FULL"
    finally:
        be_plain()
