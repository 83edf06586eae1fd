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


def is_mild(kind: str, facts: Facts) -> bool:
    """Whether nothing suffers by it yet."""
    return kind == AlertKind.ACCOUNT_EXHAUSTED and not facts.get("waits", True)


def remedy(kind: str, facts: Facts) -> str:
    """What a person can do."""
    return {
        AlertKind.ACCOUNT_BROKEN: gettext("Test the sender account, and correct its server or password."),
        AlertKind.ACCOUNT_EXHAUSTED: _for_a_full_account(facts),
        AlertKind.FAILURE_RATE: gettext("Look at the messages that failed: their servers said why."),
        AlertKind.QUEUE_AGE: gettext("Look at the message: it says what it waits for."),
        AlertKind.DISK: gettext(
            "Make room on it, or let mail go earlier in [retention]. Without room new mail is refused."
        ),
        AlertKind.COMPONENT: gettext("Look at the log. If it goes on, restart the appliance."),
        AlertKind.BACKUP: gettext("Mend what it says, then make one by hand."),
        AlertKind.BACKUP_INCOMPLETE: gettext(
            "Look for the files in an older backup, or cancel the messages; then make one by hand."
        ),
        AlertKind.CERTIFICATE: gettext(
            "Tell whoever runs that server. When it has expired, nothing is sent through it any more."
        ),
        AlertKind.UNHEARD: gettext(
            "Take it off the suppressions if it is right, or correct [alerts] email, and send a test."
        ),
        AlertKind.WEBHOOK: _for_an_endpoint(facts),
    }[AlertKind(kind)]


def _for_a_full_account(facts: Facts) -> str:
    if is_mild(AlertKind.ACCOUNT_EXHAUSTED, facts):
        return gettext("Other sender accounts take over until then. Raise its limit if it should send more.")
    return gettext("Raise its limit or add another sender account; until then what it would send waits.")


def _for_an_endpoint(facts: Facts) -> str:
    if facts.get("paused"):
        return gettext("Mend the program at that address, then resume the endpoint: what waits is sent then.")
    return gettext("Mend the program at that address. What waits is tried for a day; then the endpoint is paused.")


def title(kind: str) -> str:
    return {
        AlertKind.ACCOUNT_BROKEN: gettext("Sender account broken"),
        AlertKind.ACCOUNT_EXHAUSTED: gettext("Daily limit reached"),
        AlertKind.FAILURE_RATE: gettext("Many messages fail"),
        AlertKind.QUEUE_AGE: gettext("Messages wait too long"),
        AlertKind.DISK: gettext("Disk nearly full"),
        AlertKind.COMPONENT: gettext("A component does not stay up"),
        AlertKind.BACKUP: gettext("No backup was made"),
        AlertKind.BACKUP_INCOMPLETE: gettext("The backup lacks attachments"),
        AlertKind.CERTIFICATE: gettext("A certificate expires"),
        AlertKind.UNHEARD: gettext("Alerts do not reach somebody"),
        AlertKind.WEBHOOK: gettext("A webhook endpoint fails"),
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


def _backup_incomplete(facts: Facts, zone: ZoneInfo) -> str:
    return ngettext(
        "The backup of %(at)s lacks a file of an attachment that messages need which are not sent yet: it is gone from "
        "the disk.",
        "The backup of %(at)s lacks %(num)s files of attachments that messages need which are not sent yet: they are "
        "gone from the disk.",
        facts["missing"],
        at=_moment(facts["at"], zone),
    )


def _certificate(facts: Facts, zone: ZoneInfo) -> str:
    until = _moment(facts["until"], zone)
    return gettext("The certificate of %(server)s is valid until %(until)s only.", server=facts["server"], until=until)


def _unheard(facts: Facts, _zone: ZoneInfo) -> str:
    why = kept_words.say(facts["why"])
    return gettext("E-mails of alerts do not reach %(address)s (%(why)s).", address=facts["address"], why=why)


def _webhook(facts: Facts, zone: ZoneInfo) -> str:
    known = {"host": facts["host"], "since": _moment(facts["since"], zone)}
    said = (
        gettext("The webhook endpoint at %(host)s was paused by itself at %(since)s.", **known)
        if facts["paused"]
        else gettext("The webhook endpoint at %(host)s has accepted nothing since %(since)s.", **known)
    )
    return f"{said} {kept_words.say(facts['error'])}".strip()


_SENTENCES: Mapping[AlertKind, Callable[[Facts, ZoneInfo], str]] = {
    AlertKind.ACCOUNT_BROKEN: _account_broken,
    AlertKind.ACCOUNT_EXHAUSTED: _account_exhausted,
    AlertKind.FAILURE_RATE: _failure_rate,
    AlertKind.QUEUE_AGE: _queue_age,
    AlertKind.DISK: _disk,
    AlertKind.COMPONENT: _component,
    AlertKind.BACKUP: _backup,
    AlertKind.BACKUP_INCOMPLETE: _backup_incomplete,
    AlertKind.CERTIFICATE: _certificate,
    AlertKind.UNHEARD: _unheard,
    AlertKind.WEBHOOK: _webhook,
}


def _moment(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M}"
