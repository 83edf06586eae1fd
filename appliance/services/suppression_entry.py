"""What may be suppressed, and in which form it is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.db.models.suppression import SuppressionSource
from appliance.db.types import new_id
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.mail import addresses
from appliance.mail.addresses import InvalidAddress

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """`address` is canonical: an address or a domain, in lower case."""

    address: str
    reason: str = ""
    expires_at: datetime | None = None

    def row(self, source: SuppressionSource, now: datetime) -> dict[str, Any]:
        """For `Suppression.put`."""
        return {
            "id": new_id("sup"),
            "address": self.address,
            "reason": self.reason,
            "source": source,
            "created_at": now,
            "expires_at": self.expires_at,
        }


def checked(address: str, reason: str, expires_at: datetime | None, now: datetime) -> Entry:
    """Raises InvalidInput with every field that is wrong."""
    errors = []
    reason = reason.strip()
    try:
        address = canonical(address)
    except InvalidAddress as error:
        errors.append(FieldError("address", str(error)))
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        errors.append(
            FieldError("reason", gettext("Give one line of text, %(most)s characters at most.", most=LONGEST_REASON))
        )
    if expires_at is not None and expires_at <= now:
        errors.append(FieldError("expires_at", gettext("That moment is past; leave it out to suppress for ever.")))
    if errors:
        raise InvalidInput(errors)
    return Entry(address, reason, expires_at)


def canonical(text: str) -> str:
    """`Ann@Example.com` -> `ann@example.com`, `@Bücher.example` -> `xn--bcher-kva.example`. Raises InvalidAddress.

    The local part is taken without regard to case: servers that tell `Ann` from `ann` are rarer than people who write
    either (RFC 5321 section 2.4 discourages them).
    """
    text = text.strip().removeprefix("@")
    if "@" in text:
        return addresses.parse(text).email.lower()
    try:
        return addresses.of(f"a@{text}").email.removeprefix("a@").lower()
    except InvalidAddress as error:
        raise InvalidAddress(
            gettext(
                "%(text)s is neither an e-mail address nor a domain. "
                "Write name@example.com, or example.com for all of that domain.",
                text=repr(text[:80]),
            )
        ) from error
