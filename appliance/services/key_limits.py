"""What an API key may use, and how much of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from appliance.errors import FieldError
from appliance.language import gettext
from appliance.mail import addresses
from appliance.mail.addresses import InvalidAddress

SUBDOMAINS = "@*."


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """None, or nothing named: no limit.

    `allowed_accounts` are ids. `allowed_from` are addresses in lower case, `@example.com` for everybody there, or
    `@*.example.com` for everybody at a domain below it.
    """

    requests_per_minute: int | None = None
    daily_limit: int | None = None
    allowed_accounts: tuple[str, ...] = ()
    allowed_from: tuple[str, ...] = ()

    @property
    def choice(self) -> str | None:
        """As messages keep it: see `Message.choice`."""
        return " ".join(self.allowed_accounts) or None

    @property
    def only_from(self) -> str | None:
        """The one address that it may send from, where there is no other."""
        return self.allowed_from[0] if len(self.allowed_from) == 1 and self.allowed_from[0][0] != "@" else None

    def errors(self, sender: str | None, account: str | None) -> list[FieldError]:
        """What a message from `sender` through `account` may not do, each with what is allowed in it."""
        errors = []
        if self.allowed_from and (sender is None or not covered(sender, self.allowed_from)):
            remedy = gettext("This API key may send from: %(allowed)s.", allowed=", ".join(self.allowed_from))
            errors.append(FieldError("from", remedy, NOT_ALLOWED))
        if self.allowed_accounts and account is not None and account not in self.allowed_accounts:
            allowed = ", ".join(self.allowed_accounts)
            remedy = gettext("This API key may use the sender accounts: %(allowed)s.", allowed=allowed)
            errors.append(FieldError("account", remedy, NOT_ALLOWED))
        return errors


NO_LIMITS = KeyLimits()
NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True, slots=True)
class Quota:
    """What a key has left of its day."""

    limit: int
    remaining: int
    resets_at: datetime


def covered(sender: str, patterns: Iterable[str]) -> bool:
    """Whether an address, or a pattern of addresses, is within one of `patterns`."""
    wanted = sender.lower()
    domain = wanted.rpartition("@")[2]
    return any(
        domain.endswith(pattern[len("@*") :])
        if pattern.startswith(SUBDOMAINS)
        else domain == pattern[1:]
        if pattern.startswith("@")
        else wanted == pattern
        for pattern in patterns
    )


def pattern(text: str) -> str:
    """The form in which `text` is compared. Raises ValueError with the remedy."""
    text = text.strip()
    try:
        if text.startswith(SUBDOMAINS):
            return SUBDOMAINS + _domain(text.removeprefix(SUBDOMAINS))
        if text.startswith("@"):
            return "@" + _domain(text[1:])
        if "*" in text:  # an address may have one, but who writes it means something else
            raise InvalidAddress("a star stands only in front of a domain")
        return addresses.of(text).email.lower()
    except InvalidAddress as error:
        raise ValueError(
            gettext(
                "%(text)s is none of these. Give addresses such as shop@example.com, domains such as @example.com, "
                "or @*.example.com for what is below one.",
                text=repr(text[:80]),
            )
        ) from error


def _domain(text: str) -> str:
    return addresses.of(f"a@{text}").email.rpartition("@")[2]
