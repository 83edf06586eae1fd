"""The question whether a secret is a good key, asked at each request: answered from memory where that is right."""

import hashlib
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from appliance.clock import Clock
from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.db.models.api_key import KeyState
from appliance.db.queries import access
from appliance.errors import TooManyFailures
from appliance.services.caller import Caller
from appliance.services.key_limits import KeyLimits
from appliance.services.key_uses import KeyUses
from appliance.services.rate_limit import RateLimit

REMEMBERED_SECONDS = 1.0
MOST_REMEMBERED = 1000
IPV6_NETWORK = 64  # bits: whoever has one address has all of these


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    expires_at: datetime | None
    looked_up_at: float


class KnownKeys:
    def __init__(
        self,
        database: Database,
        limits: LimitsSettings,
        uses: KeyUses,
        *,
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._limits = limits
        self._uses = uses
        self._clock = clock
        self._timer = timer
        self._known: dict[str, _Known] = {}
        self._failures = RateLimit(timer)

    def caller(self, secret: str, address: str = "") -> Caller | None:
        """Looked up by hash, so the time it takes tells nothing of the secret. None: it opens nothing.

        A good key is remembered for a moment, because reading it costs a tenth of accepting a message: a key that
        another process revokes works for up to REMEMBERED_SECONDS more. An `address` that many wrong keys came from
        has to wait before another key is looked at, right or wrong, so that keys cannot be guessed at speed; keys that
        have been seen here are no guess, so programs behind the same proxy go on.

        Raises:
            TooManyFailures: too many wrong keys came from `address`.
        """
        secret_hash = hash_of(secret)
        known = self._known.get(secret_hash)
        if known is None or self._timer() - known.looked_up_at > REMEMBERED_SECONDS:
            known = self._look_up(secret_hash, address, seen=known is not None)
        if known is None or (known.expires_at is not None and known.expires_at <= self._clock()):
            return None
        return known.caller

    def forget(self) -> None:
        """A key has changed."""
        for secret_hash, known in list(self._known.items()):
            stale = _Known(known.caller, known.expires_at, -math.inf)
            self._known[secret_hash] = stale

    def _look_up(self, secret_hash: str, address: str, *, seen: bool) -> _Known | None:
        network = network_of(address)
        if not seen:
            self._require_patience(network)
        if len(self._known) > MOST_REMEMBERED:
            self._known.clear()
        self._known.pop(secret_hash, None)
        now = self._clock()
        with self._database.read() as session:
            key = access.api_key_by_hash(session, secret_hash)
        if key is None or key.state(now) is not KeyState.ACTIVE:
            self._note_failure(network)
            return None
        self._uses.note(key.id, now)
        found = self._known[secret_hash] = _Known(self._caller_of(key), key.expires_at, self._timer())
        return found

    def _note_failure(self, network: str) -> None:
        if network:
            self._failures.take(network, self._limits.failed_keys_per_minute)

    def _require_patience(self, network: str) -> None:
        """An empty `network` is this process itself."""
        wait = self._failures.look(network, self._limits.failed_keys_per_minute).wait if network else 0.0
        if wait > 0:
            raise TooManyFailures(
                "Too many wrong API keys came from this address. Look at the key that is sent, and wait.", wait
            )

    def _caller_of(self, key: ApiKey) -> Caller:
        return Caller(key.id, key.name, frozenset(key.scopes), effective(key, self._limits), key.expires_at)


def effective(key: ApiKey, standard: LimitsSettings) -> KeyLimits:
    """The limits in force: those of the key, else those of the configuration."""
    return KeyLimits(
        key.requests_per_minute or standard.key_requests_per_minute or None,
        key.daily_limit or standard.key_daily_messages or None,
        tuple(key.allowed_accounts),
        tuple(key.allowed_from),
    )


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def network_of(address: str) -> str:
    """What one guesser has: an IPv4 address, or an IPv6 network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, IPV6_NETWORK), strict=False))
