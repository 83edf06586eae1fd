"""Every sentence that the database keeps, said again in the language of whoever reads it.

What is on none of these lists stays as it is: the words of servers and receivers, and what people wrote.
"""

from appliance.db.queries.suppressions import DOMAIN, DOMAIN_BECAUSE, NO_REASON
from appliance.db.write import CLOSED, DAMAGED, NO_PROPER_ANSWER
from appliance.mail.smtp_words import NOTES, SMTP
from appliance.sentences import Sentences
from appliance.services import backup_making, backup_reading, job_runs, webhook_record
from appliance.services.attachment_files import CANNOT_STORE, CHANGED_ON_DISK, UNREADABLE
from appliance.services.composition import ATTACHMENT_GONE, NOT_WRITABLE
from appliance.services.expiry import EXPIRED
from appliance.services.record import ANSWERED
from appliance.services.rescue import UNCERTAIN
from appliance.services.verdict import NOW_SUPPRESSED
from appliance.services.webhook_endpoints import BY_HAND
from appliance.webhooks.words import WEBHOOKS

_EVENT = "-- "  # before what is no line of either side, in a dialogue

_MESSAGES = Sentences(
    *(UNCERTAIN, EXPIRED, NOW_SUPPRESSED, ATTACHMENT_GONE, NOT_WRITABLE),
    reason=Sentences(UNREADABLE, CHANGED_ON_DISK, any_other=True),
)
_SUPPRESSIONS = Sentences(
    *(ANSWERED, NO_REASON, DOMAIN_BECAUSE, DOMAIN),
    reason=Sentences(ANSWERED, any_other=True),
)
_ENDPOINTS = Sentences(BY_HAND, webhook_record.GONE, webhook_record.DEAD)
_JOBS = Sentences(job_runs.UNEXPECTED, job_runs.UNKNOWN_WORK)
_STORAGE = Sentences(DAMAGED, NO_PROPER_ANSWER, CLOSED, CANNOT_STORE)
_BACKUPS = Sentences(
    *(backup_making.NO_ROOM, backup_making.DATABASE_DAMAGED, backup_making.STOPPED, backup_reading.DAMAGED),
    reason=backup_reading.DAMAGES,
)
LISTS = (SMTP, WEBHOOKS, _MESSAGES, _SUPPRESSIONS, _ENDPOINTS, _JOBS, _STORAGE, _BACKUPS)


def say(text: str) -> str:
    """A kept text in the language spoken now."""
    return next((said for one in LISTS if (said := one.said(text))), text)


def tells_of_suppression(detail: str) -> bool:
    """Whether the address of a message was suppressed because of what it was refused for."""
    return _MESSAGES.recognised(detail) == NOW_SUPPRESSED


def say_line(line: str) -> str:
    """A line of a dialogue with a server: our own events are said, what went over the wire stays as it went."""
    return f"{_EVENT}{NOTES.say(line.removeprefix(_EVENT))}" if line.startswith(_EVENT) else line
