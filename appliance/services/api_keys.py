"""API keys: made, shown once, kept as a hash, revoked; and the question whether one is good."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.db.models.base import insert_rows
from appliance.db.queries import access
from appliance.db.types import new_id
from appliance.errors import FieldError, InvalidInput, NotFound

SCOPES = ("send", "read", "manage")
PREFIX = "pr_"
SECRET_BYTES = 32
REMEMBERED_SECONDS = 1.0
MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the API. `manage` sees every message, anyone else only those of its own key."""

    api_key_id: str
    name: str
    scopes: frozenset[str]

    @property
    def sees_only(self) -> str | None:
        return None if "manage" in self.scopes else self.api_key_id


@dataclass(frozen=True, slots=True)
class NewApiKey:
    id: str
    secret: str


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    expires_at: datetime | None
    looked_up_at: float


class ApiKeys:
    def __init__(self, database: Database, *, clock: Clock, timer: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._timer = timer
        self._known: dict[str, _Known] = {}

    def create(self, name: str, scopes: Iterable[str], expires_at: datetime | None = None) -> NewApiKey:
        """The secret is in the answer and nowhere else. Raises InvalidInput."""
        wanted = _check(name, scopes)
        made = NewApiKey(new_id("key"), PREFIX + secrets.token_urlsafe(SECRET_BYTES))
        row = {
            "id": made.id,
            "name": name.strip(),
            "secret_hash": _hash(made.secret),
            "scopes": wanted,
            "created_at": self._clock(),
            "expires_at": expires_at,
        }
        self._database.write(lambda session: insert_rows(session, ApiKey, row))
        return made

    def revoke(self, key_id: str) -> None:
        """Raises NotFound. Revoking twice changes nothing."""
        now = self._clock()

        def write(session: Session) -> None:
            key = session.get(ApiKey, key_id)
            if key is None:
                raise NotFound("API key", key_id)
            key.revoked_at = key.revoked_at or now

        self._database.write(write)
        self._known.clear()

    def authenticate(self, secret: str) -> Caller | None:
        """Looked up by hash, so the time it takes tells nothing of the secret.

        A good key is remembered for a moment, because reading it costs a tenth of accepting a message: a key that
        another process revokes works for up to REMEMBERED_SECONDS more.
        """
        secret_hash = _hash(secret)
        known = self._known.get(secret_hash)
        if known is None or self._timer() - known.looked_up_at > REMEMBERED_SECONDS:
            known = self._look_up(secret_hash)
        if known is None or (known.expires_at is not None and known.expires_at <= self._clock()):
            return None
        return known.caller

    def _look_up(self, secret_hash: str) -> _Known | None:
        if len(self._known) > MOST_REMEMBERED:
            self._known.clear()
        self._known.pop(secret_hash, None)
        with self._database.read() as session:
            key = access.api_key_by_hash(session, secret_hash)
        if key is None or key.revoked_at is not None:
            return None
        caller = Caller(key.id, key.name, frozenset(key.scopes))
        self._known[secret_hash] = _Known(caller, key.expires_at, self._timer())
        return self._known[secret_hash]


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _check(name: str, scopes: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(scopes))
    errors = []
    if not 0 < len(name.strip()) <= 200:
        errors.append(FieldError("name", "Give a name of 1 to 200 characters that says which program uses the key."))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        errors.append(FieldError("scopes", f"{', '.join(unknown)}: unknown; choose from {', '.join(SCOPES)}."))
    if not wanted:
        errors.append(FieldError("scopes", f"Give at least one of {', '.join(SCOPES)}."))
    if errors:
        raise InvalidInput(errors)
    return wanted
