"""Every alert says what is the matter and what to do, in the language spoken."""

from gettext import NullTranslations
from zoneinfo import ZoneInfo

import pytest

from appliance.db.models.alert import AlertKind
from appliance.language import be_plain, speak
from appliance.services import alert_words

FACTS = {
    AlertKind.ACCOUNT_BROKEN: {"name": "Shop", "error": "Login refused."},
    AlertKind.ACCOUNT_EXHAUSTED: {"name": "Shop", "limit": 100, "until": "2026-03-11T00:00:00+00:00"},
    AlertKind.FAILURE_RATE: {"failed": 10, "tried": 40, "percent": 25},
    AlertKind.QUEUE_AGE: {"message": "msg_1", "seconds": 1200},
    AlertKind.DISK: {"free_mb": 900, "directory": "/var/lib/postroom"},
    AlertKind.COMPONENT: {"name": "worker", "restarts": 3, "error": "No broker."},
    AlertKind.BACKUP: {"error": "The disk is full.", "at": "2026-03-10T03:00:00+00:00"},
    AlertKind.CERTIFICATE: {"server": "mail.example:465", "until": "2026-04-01T00:00:00+00:00"},
    AlertKind.UNHEARD: {"address": "ann@example.com", "why": "550 5.1.1 no such user"},
}
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_words(kind: AlertKind) -> None:
    said = [alert_words.sentence(kind, FACTS[kind], BERLIN), alert_words.remedy(kind), alert_words.title(kind)]

    assert all(said)
    assert "%" not in said[0].replace("25 % of", "")


@pytest.mark.parametrize(
    ("restarts", "words"),
    [(0, "has failed. No broker."), (1, "again once within ten minutes."), (3, "again 3 times within ten minutes.")],
)
def test_a_component_that_is_down_says_so_however_often_it_was_started(restarts: int, words: str) -> None:
    facts = FACTS[AlertKind.COMPONENT] | {"restarts": restarts}

    assert words in alert_words.sentence(AlertKind.COMPONENT, facts, BERLIN)


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
