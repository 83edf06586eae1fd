"""What a person can do where a server did not take a sender account, in the language spoken now.

Only where the sentence that says what happened does not say it itself, and where it is not the login: what a login is
like, the provider's preset tells.
"""

from collections.abc import Callable, Mapping

from appliance.language import gettext
from appliance.mail import smtp_words
from appliance.mail.smtp_words import SMTP


def advice(reason: str) -> str:
    """`reason` as the transport gave it; empty: there is none to give."""
    say = _ADVICE.get(SMTP.recognised(reason) or "")
    return say() if say is not None else ""


def _reach() -> str:
    return gettext(
        "The server cannot be reached. Check its name and port, and whether this network lets mail out: many block "
        "port 25, and some 587 and 465 as well."
    )


def _certificate() -> str:
    return gettext(
        "The server cannot prove who it is. Give the name that its certificate is for; behind a firewall that reads "
        "mail, its certificate has to be trusted on this machine."
    )


def _encryption() -> str:
    return gettext(
        "Server and account do not agree on the encryption. Mostly port 587 goes with STARTTLS and port 465 with TLS."
    )


def _sender() -> str:
    return gettext(
        "The login may not send from this address. Give one that belongs to it, or have the provider confirm this one."
    )


def _recipient() -> str:
    return gettext("Login and sender were accepted, so the account is well. Try another address.")


_ADVICE: Mapping[str, Callable[[], str]] = {
    **dict.fromkeys((smtp_words.NO_ANSWER, smtp_words.NO_CONNECTION), _reach),
    smtp_words.NOT_TRUSTED: _certificate,
    **dict.fromkeys((smtp_words.STARTTLS_REFUSED, smtp_words.NO_COMMON_TLS, smtp_words.HANDSHAKE_FAILED), _encryption),
    smtp_words.SENDER_REFUSED: _sender,
    smtp_words.RECIPIENT_REFUSED: _recipient,
}
