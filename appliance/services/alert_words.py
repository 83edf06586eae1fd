"""What an alert says, and what a person can do about it, in the language spoken at the moment."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from appliance.db.models.alert import AlertKind
from appliance.language import gettext, ngettext
from appliance.services import kept_words

Facts = Mapping[str, Any]


def sentence(kind: str, facts: Facts, zone: ZoneInfo) -> str:
    """What is the matter."""
    return _SENTENCES[AlertKind(kind)](facts, zone)


def remedy(kind: str) -> str:
    """What a person can do."""
    match AlertKind(kind):
        case AlertKind.ACCOUNT_BROKEN:
            return gettext("Test the sender account, and correct its server or password.")
        case AlertKind.ACCOUNT_EXHAUSTED:
            return gettext("Raise its limit or add another sender account; until then what it would send waits.")
        case AlertKind.FAILURE_RATE:
            return gettext("Look at the messages that failed: their servers said why.")
        case AlertKind.QUEUE_AGE:
            return gettext("Look at the message: it says what it waits for.")
        case AlertKind.DISK:
            return gettext("Make room on it, or let mail go earlier in [retention]. Without room new mail is refused.")
        case AlertKind.COMPONENT:
            return gettext("Look at the log. If it goes on, restart the appliance.")
        case AlertKind.BACKUP:
            return gettext("Mend what it says, then make one by hand.")
        case AlertKind.CERTIFICATE:
            return gettext("Tell whoever runs that server. When it has expired, nothing is sent through it any more.")
        case AlertKind.UNHEARD:
            return gettext("Take it off the suppressions if it is right, or correct [alerts] email, and send a test.")


def title(kind: str) -> str:
    return {
        AlertKind.ACCOUNT_BROKEN: gettext("Sender account broken"),
        AlertKind.ACCOUNT_EXHAUSTED: gettext("Daily limit reached"),
        AlertKind.FAILURE_RATE: gettext("Many messages fail"),
        AlertKind.QUEUE_AGE: gettext("Messages wait too long"),
        AlertKind.DISK: gettext("Disk nearly full"),
        AlertKind.COMPONENT: gettext("A component does not stay up"),
        AlertKind.BACKUP: gettext("No backup was made"),
        AlertKind.CERTIFICATE: gettext("A certificate expires"),
        AlertKind.UNHEARD: gettext("Alerts do not reach somebody"),
    }[AlertKind(kind)]


def _account_broken(facts: Facts, _zone: ZoneInfo) -> str:
    if not facts["error"]:
        return gettext("The sender account %(name)s does not work.", name=facts["name"])
    error = kept_words.say(facts["error"])
    return gettext("The sender account %(name)s does not work. %(error)s", name=facts["name"], error=error)


def _account_exhausted(facts: Facts, zone: ZoneInfo) -> str:
    return gettext(
        "The sender account %(name)s has sent the %(limit)s messages that it may send a day. It goes on at %(until)s.",
        name=facts["name"],
        limit=facts["limit"],
        until=_moment(facts["until"], zone),
    )


def _failure_rate(facts: Facts, _zone: ZoneInfo) -> str:
    return gettext(
        "%(percent)s %% of the messages failed in this hour and the one before: %(failed)s of %(tried)s.",
        percent=facts["percent"],
        failed=facts["failed"],
        tried=facts["tried"],
    )


def _queue_age(facts: Facts, _zone: ZoneInfo) -> str:
    minutes = facts["seconds"] // 60
    return gettext("A message has been due for %(minutes)s minutes and was not sent.", minutes=minutes)


def _disk(facts: Facts, _zone: ZoneInfo) -> str:
    return gettext(
        "The disk of %(directory)s has %(free)s MB left.", directory=facts["directory"], free=facts["free_mb"]
    )


def _component(facts: Facts, _zone: ZoneInfo) -> str:
    """With what it said of itself, which only one that is down has."""
    name, restarts = facts["name"], facts["restarts"]
    said = (
        ngettext(
            "The component %(name)s was started again once within ten minutes.",
            "The component %(name)s was started again %(num)s times within ten minutes.",
            restarts,
            name=name,
        )
        if restarts
        else gettext("The component %(name)s has failed.", name=name)
    )
    return f"{said} {facts['error']}".strip()


def _backup(facts: Facts, zone: ZoneInfo) -> str:
    at = _moment(facts["at"], zone)
    return gettext("The backup of %(at)s failed: %(error)s", at=at, error=kept_words.say(facts["error"]))


def _certificate(facts: Facts, zone: ZoneInfo) -> str:
    until = _moment(facts["until"], zone)
    return gettext("The certificate of %(server)s is valid until %(until)s only.", server=facts["server"], until=until)


def _unheard(facts: Facts, _zone: ZoneInfo) -> str:
    why = kept_words.say(facts["why"])
    return gettext("E-mails of alerts do not reach %(address)s (%(why)s).", address=facts["address"], why=why)


_SENTENCES: Mapping[AlertKind, Callable[[Facts, ZoneInfo], str]] = {
    AlertKind.ACCOUNT_BROKEN: _account_broken,
    AlertKind.ACCOUNT_EXHAUSTED: _account_exhausted,
    AlertKind.FAILURE_RATE: _failure_rate,
    AlertKind.QUEUE_AGE: _queue_age,
    AlertKind.DISK: _disk,
    AlertKind.COMPONENT: _component,
    AlertKind.BACKUP: _backup,
    AlertKind.CERTIFICATE: _certificate,
    AlertKind.UNHEARD: _unheard,
}


def _moment(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M}"
