"""Errors that cross a layer. Each says what is wrong and what would mend it; the edges translate them once."""

from collections.abc import Iterable
from dataclasses import dataclass


class ApplianceError(Exception):
    """Base of everything the appliance raises on purpose."""


class StartupError(ApplianceError):
    """The appliance or one of its components cannot start. One line, with the remedy in it."""


class SchemaMismatch(StartupError):
    """This version and the schema of the database do not go together. The next start would find it so again."""


class ConfigError(ApplianceError):
    """The configuration has problems; all of them, so that one edit mends them at once."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field of a request: a JSON path such as `to[0].email`, and what would be right."""

    field: str
    message: str
    code: str = "invalid"


class InvalidInput(ApplianceError):
    """What a person or program sent breaks a rule; every wrong field is named."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in self.errors))


class NotFound(ApplianceError):
    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        super().__init__(f"There is no {kind} {key!r}.")


class WrongState(ApplianceError):
    """The thing exists, but what was asked of it makes no sense in the state it is in."""


class ContentRemoved(WrongState):
    """The message is known, but its body or its attachments were removed when they reached their age."""


class Conflict(ApplianceError):
    """Another thing already has the name or key that this one wants."""


class IdempotencyKeyReused(ApplianceError):
    def __init__(self, key: str) -> None:
        super().__init__(
            f"The Idempotency-Key {key!r} was used in the last 24 hours with another body. "
            "Use a new key for a new message."
        )


class Forbidden(ApplianceError):
    """The caller is known but may not do this."""


class NotAllowed(InvalidInput):
    """The caller is known, but may not have these fields as they are. Each says what is allowed."""


class LimitReached(ApplianceError):
    """Too much, for now. `retry_after`: seconds until it makes sense to try again."""

    def __init__(self, message: str, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class RateLimited(LimitReached):
    """More requests a minute than this API key may send."""


class TooManyFailures(LimitReached):
    """More wrong API keys than may come from one address."""


class QuotaUsedUp(LimitReached):
    """More messages a day than this API key may submit. Nothing was accepted."""

    def __init__(self, message: str, retry_after: float, *, limit: int, remaining: int) -> None:
        self.limit = limit
        self.remaining = remaining
        super().__init__(message, retry_after)


class QueueFull(LimitReached):
    """As many messages wait as may. Nothing was accepted."""


class DiskFull(LimitReached):
    """Too little is free on the disk for new mail. Nothing was accepted."""


class QueryTooSlow(ApplianceError):
    """What was asked for would hold everybody else up; it was given up. Asking for less helps."""


class Unavailable(ApplianceError):
    """Something that the appliance needs does not answer now. Nothing was changed; trying again later helps."""


class StorageUnavailable(Unavailable):
    """The database could not make a write durable (disk full, locked, read-only). Nothing was changed."""


class StorageDamaged(StorageUnavailable):
    """The database file is not what SQLite wrote. Trying again does not help: a backup does."""
