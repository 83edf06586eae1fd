"""Everything that the SMTP transport says of a failure, in sentences: written down in English, said again by `SMTP`.

A reply stands in them as its server gave it.
"""

from appliance.sentences import Sentences, kept
from appliance.system_words import REASONS

# What befell a connection: goes on after the name of the server.
CLOSED = kept("closed the connection")
SILENT = kept("did not answer within %(seconds)s s")
NOT_DONE = kept("was not done within %(seconds)s s")
UNREACHABLE = kept("became unreachable: %(reason)s")
ENDLESS_REPLY = kept("sent a reply without an end")
ENDLESS_LINE = kept("sent a line without an end")
NO_REPLY = kept("sent %(text)s instead of an SMTP reply")
INJECTED = kept("said more than one reply before TLS, which only an attacker would do")
NEITHER_YES_NOR_NO = kept("answered the message with %(reply)s, which says neither yes nor no")

# Where: goes on after that.
AT_GREETING = kept(" at its greeting")
AT_COMMAND = kept(" at %(command)s")
WAITS_FOR_TLS = kept(" after the connection was made; a server on port 465 waits for TLS from the start")

LOST = kept("%(host)s %(what)s%(place)s.")
LOST_WITH_REPLY = kept("%(host)s %(what)s%(place)s: %(reply)s")
LOST_AT_THE_END = kept("%(host)s %(what)s. It had the whole message by then.")
LOST_AT_THE_END_WITH_REPLY = kept("%(host)s %(what)s: %(reply)s. It had the whole message by then.")

UNKNOWN_NAME = kept("The name %(host)s cannot be resolved: %(reason)s. Check the host.")
NAME_TOO_SLOW = kept("The name %(host)s was not resolved within %(seconds)s s. Check this machine's name servers.")
NO_ANSWER = kept("%(server)s did not answer within %(seconds)s s.")
NO_CONNECTION = kept("Cannot connect to %(server)s: %(reason)s.")
CONNECTION_REFUSED = kept("%(host)s refused the connection: %(reply)s")
EHLO_REFUSED = kept("%(host)s refused EHLO %(name)s: %(reply)s")
NO_STARTTLS = kept(
    "%(host)s does not offer STARTTLS, and the account requires it: nothing was sent. "
    "Set the encryption to TLS (mostly port 465), or to none on a network that you trust."
)
STARTTLS_REFUSED = kept("%(host)s refused STARTTLS: %(reply)s")
NOT_TRUSTED = kept("The certificate of %(host)s is not trusted: %(reason)s.")
HANDSHAKE_TOO_SLOW = kept("%(host)s did not finish the TLS handshake in %(seconds)s s.")
NO_TLS_FROM_THE_START = kept(
    "%(host)s and this machine found no common TLS: %(reason)s. "
    "It does not speak TLS from the start: use STARTTLS (mostly port 587)."
)
NO_COMMON_TLS = kept("%(host)s and this machine found no common TLS: %(reason)s.")
HANDSHAKE_FAILED = kept("The TLS handshake with %(host)s failed: %(reason)s.")
NO_KNOWN_LOGIN = kept(
    "%(host)s offers no login that is known here (AUTH PLAIN, LOGIN or CRAM-MD5). "
    "Use its submission port (587 or 465), or remove the user name."
)
LOGIN_REFUSED = kept("%(host)s refused the login: %(reply)s")
NOT_READY = kept("%(host)s is not ready: %(reply)s")
SENDER_REFUSED = kept("%(host)s refused the sender %(address)s: %(reply)s")
NO_SMTPUTF8 = kept("%(host)s cannot take addresses that are not ASCII (it does not offer SMTPUTF8).")
TOO_LARGE = kept("%(host)s takes messages of at most %(most)s bytes; this one has %(size)s.")
RECIPIENT_REFUSED = kept("%(host)s refused the recipient: %(reply)s")
RECIPIENTS_REFUSED = kept("%(host)s refused all %(count)s recipients: %(reply)s")
MESSAGE_REFUSED = kept("%(host)s refused the message: %(reply)s")

# Events in the dialogue.
CONNECTED = kept("connected to %(server)s")
ENCRYPTED = kept("%(version)s with %(cipher)s")

_EVENTS = (
    *(CLOSED, SILENT, NOT_DONE, UNREACHABLE, ENDLESS_REPLY, ENDLESS_LINE, NO_REPLY, INJECTED),
    NEITHER_YES_NOR_NO,
)

SMTP = Sentences(
    *(UNKNOWN_NAME, NAME_TOO_SLOW, NO_ANSWER, NO_CONNECTION),
    *(CONNECTION_REFUSED, EHLO_REFUSED, NO_STARTTLS, STARTTLS_REFUSED),
    *(NOT_TRUSTED, HANDSHAKE_TOO_SLOW, NO_TLS_FROM_THE_START, NO_COMMON_TLS, HANDSHAKE_FAILED),
    *(NO_KNOWN_LOGIN, LOGIN_REFUSED, NOT_READY, SENDER_REFUSED, NO_SMTPUTF8, TOO_LARGE),
    *(RECIPIENT_REFUSED, RECIPIENTS_REFUSED, MESSAGE_REFUSED),
    *(LOST_AT_THE_END_WITH_REPLY, LOST_AT_THE_END, LOST_WITH_REPLY, LOST),
    what=Sentences(*_EVENTS, reason=REASONS),
    place=Sentences(AT_GREETING, AT_COMMAND, WAITS_FOR_TLS, ""),
    reason=REASONS,
)
"""What a `TransportError` says."""

NOTES = Sentences(CONNECTED, ENCRYPTED, *_EVENTS, reason=REASONS)
"""What stands in a `Dialogue` after `-- `."""
