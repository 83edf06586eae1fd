"""Who calls the API."""

from dataclasses import dataclass
from datetime import datetime

from appliance.services.key_limits import NO_LIMITS, KeyLimits

SCOPES = ("send", "read", "manage")


@dataclass(frozen=True, slots=True)
class Caller:
    """`manage` sees every message, anyone else only those of its own key. `limits` are those in force."""

    api_key_id: str
    name: str
    scopes: frozenset[str]
    limits: KeyLimits = NO_LIMITS
    expires_at: datetime | None = None

    @property
    def sees_only(self) -> str | None:
        return None if "manage" in self.scopes else self.api_key_id
