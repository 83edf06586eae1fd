"""Addresses of people and sender accounts, checked once and canonical from then on."""

import re
from dataclasses import dataclass
from functools import lru_cache

import email_validator
from email_validator import EmailNotValidError, validate_email

from appliance.errors import ApplianceError
from appliance.language import gettext
from appliance.mail import address_words

NAME_LIMIT = 256
LONGEST = 2000  # characters with a name; checking an address takes time, and it has 254 at most

# People try the appliance with example.test and root@localhost, and inner networks end in .local or .internal: whether
# such a domain takes mail is for the SMTP server to say.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_TOO_LONG = "The email address is too long (%(count)s characters too many)."  # as email_validator says it
_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class InvalidAddress(ApplianceError):
    """The text is no address that mail can be sent to. Its message ends with what would be right."""


@dataclass(frozen=True, slots=True)
class Address:
    """`email` is canonical: domain in lower case and A-labels, local part as written, normalised to NFC."""

    email: str
    name: str = ""


def parse(text: str) -> Address:
    """Reads `ann@example.com`, `<ann@example.com>` or `Ann Smith <ann@example.com>`. Raises InvalidAddress."""
    _require_short(text)
    text = text.strip()
    if not text.endswith(">"):
        return of(text)
    name, bracket, email = text[:-1].rpartition("<")
    if not bracket:
        raise _invalid(text, gettext("it has a '>' without a '<'"))
    return of(email, _unquoted(name.strip()))


def of(email: str, name: str = "") -> Address:
    """Raises InvalidAddress unless `email` is an address (RFC 5321 sections 4.1.2, 4.5.3.1) and `name` one line.

    Quoted local parts (`"a b"@example.com`) are refused: allowed on paper, mangled in practice. Domain literals
    (`root@[192.0.2.1]`) are taken, because networks without DNS use them.
    """
    if len(name) > NAME_LIMIT:
        remedy = gettext(
            "A name may have %(most)s characters; this one has %(count)s. Shorten it.", most=NAME_LIMIT, count=len(name)
        )
        raise InvalidAddress(remedy)
    if _UNSAFE_IN_NAME.search(name):
        raise InvalidAddress(gettext("The name of a recipient must be one line of text without control characters."))
    _require_short(email)
    return Address(_canonical(email.strip()), name.strip())


def mask(email: str) -> str:
    """What a log may say: `u***@example.com`."""
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}***@{domain}" if at else "***"


def needs_smtputf8(email: str) -> bool:
    """Whether a server must offer SMTPUTF8 (RFC 6531) to take this canonical address."""
    return not email.isascii()


@lru_cache(maxsize=4096)
def _canonical(email: str) -> str:
    try:
        checked = validate_email(
            email,
            check_deliverability=False,
            allow_smtputf8=True,
            allow_quoted_local=False,
            allow_domain_literal=True,
            strict=True,
            test_environment=True,
            globally_deliverable=not email.lower().endswith("@localhost"),
        )
    except EmailNotValidError as error:
        raise _invalid(email, address_words.say(str(error))) from error
    except UnicodeError as error:  # a lone surrogate, which JSON can carry
        raise _invalid(email, gettext("it has characters that are no text")) from error
    return f"{checked.local_part}@{checked.ascii_domain}"


def _require_short(text: str) -> None:
    if len(text) > LONGEST:
        raise _invalid(text, address_words.say(_TOO_LONG % {"count": len(text) - LONGEST}))


def _invalid(email: str, reason: str) -> InvalidAddress:
    shown = email if len(email) <= 80 else f"{email[:77]}..."
    return InvalidAddress(
        gettext(
            "%(text)s is not an e-mail address: %(reason)s. Write it as name@example.com.",
            text=repr(shown),
            reason=reason,
        )
    )


def _unquoted(name: str) -> str:
    if len(name) >= 2 and name.startswith('"') and name.endswith('"'):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name
