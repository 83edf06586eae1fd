"""The words for where a message is and why."""

from enum import IntEnum, StrEnum


class MessageStatus(StrEnum):
    SCHEDULED = "scheduled"  # due later, because the client asked for it
    QUEUED = "queued"  # in the outbox
    SENDING = "sending"  # claimed: a worker holds it
    DEFERRED = "deferred"  # a temporary failure; due again
    HELD = "held"  # cannot go now, for a reason that a person can read
    SENT = "sent"  # every recipient was accepted by the next server, which is not "delivered"
    PARTIALLY_SENT = "partially_sent"  # some were accepted, some refused
    FAILED = "failed"  # refused for good, or attempts used up
    SUPPRESSED = "suppressed"  # every recipient is suppressed
    CANCELLED = "cancelled"


WAITING = (MessageStatus.SCHEDULED, MessageStatus.QUEUED, MessageStatus.DEFERRED, MessageStatus.HELD)
"""States in which nobody holds the message: it can be claimed or cancelled."""
UNFINISHED = (*WAITING, MessageStatus.SENDING)
INCOMPLETE = (MessageStatus.FAILED, MessageStatus.PARTIALLY_SENT, MessageStatus.SUPPRESSED)
"""Ends at which somebody may not have got the message."""
RETRYABLE = (*INCOMPLETE, MessageStatus.DEFERRED, MessageStatus.HELD)


class Reason(StrEnum):
    """Why a message is held, deferred or failed. The sentence for a person is made in services/explanation.py."""

    QUOTA = "quota"
    BREAKER = "breaker"
    PAUSED = "paused"
    NO_ACCOUNT = "no_account"
    ACCOUNT_GONE = "account_gone"
    TEMPORARY = "temporary"
    ACCOUNT_ERROR = "account_error"
    REFUSED = "refused"
    EXHAUSTED = "exhausted"
    UNCERTAIN = "uncertain"
    INVALID = "invalid"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    KEPT_BACK = "kept_back"  # it waited while the box was paused, and somebody wants to see it first


WAITING_FOR_ACCOUNTS = (Reason.QUOTA, Reason.PAUSED, Reason.BREAKER, Reason.NO_ACCOUNT)
"""What a sender account keeps a message held for: a change of the accounts may let it go."""


class Priority(IntEnum):
    HIGH = 0
    NORMAL = 1
    LOW = 2
