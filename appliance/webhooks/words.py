"""Everything that is said of a webhook that was not accepted: written down in English, said again by `WEBHOOKS`."""

from appliance.sentences import Sentences, kept
from appliance.system_words import REASONS

REDIRECT = kept("The receiver answered %(code)s, a redirect. It is not followed: enter the URL that it leads to.")
GONE = kept("The receiver answered 410 Gone: it wants no more webhooks.")
REFUSED = kept("The receiver answered %(code)s; any status from 200 to 299 would have accepted it.")
NOT_ENCRYPTED = kept("Nothing was sent: the URL is not encrypted, and [webhooks] allow_http is off.")
NOT_SIGNED = kept("Nothing was sent, since it could not be signed. %(reason)s")
TOO_SLOW = kept("The receiver did not answer within %(seconds)s seconds.")
TOO_MUCH = kept("The receiver sent %(size)s KB and no answer among them.")
CLOSED = kept("The receiver closed the connection before it answered.")
NO_HTTP = kept("What the receiver answered is not HTTP (%(reason)s).")
BROKEN = kept("The connection broke: %(reason)s.")
NAME_TOO_SLOW = kept("The name %(host)s was not resolved in time.")
UNKNOWN_NAME = kept("The name %(host)s cannot be resolved: %(reason)s.")
NOT_PUBLIC = kept(
    "%(host)s leads to %(addresses)s, which is not public, so nothing was sent there. "
    "[webhooks] allow_networks can allow it."
)
NO_CONNECTION = kept("Cannot connect to %(host)s, port %(number)s: %(reason)s.")
NO_TLS = kept("No encrypted connection to %(host)s: %(reason)s.")

NO_ANSWER_IN_TIME = kept("there was no answer in time")
BAD_CERTIFICATE = kept("its certificate is not good: %(reason)s")

WEBHOOKS = Sentences(
    *(REDIRECT, GONE, REFUSED, NOT_ENCRYPTED, NOT_SIGNED, TOO_SLOW, TOO_MUCH, CLOSED, NO_HTTP, BROKEN),
    *(NAME_TOO_SLOW, UNKNOWN_NAME, NOT_PUBLIC, NO_CONNECTION, NO_TLS),
    reason=Sentences(*REASONS.sentences, NO_ANSWER_IN_TIME, BAD_CERTIFICATE, reason=REASONS, any_other=True),
)
