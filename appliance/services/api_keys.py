"""API keys: made, shown once, kept as a hash, changed, disabled, revoked; and the question whether one is good."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import ApiKey, AuditEntry
from appliance.db.models.base import insert_rows
from appliance.db.queries import access
from appliance.db.types import new_id
from appliance.errors import FieldError, InvalidInput, NotAllowed, NotFound, RateLimited, WrongState
from appliance.language import gettext
from appliance.services import audit, key_form
from appliance.services.caller import SCOPES, Caller
from appliance.services.key_form import KeyForm
from appliance.services.key_limits import NO_LIMITS, KeyLimits
from appliance.services.key_uses import KeyUses
from appliance.services.known_keys import KnownKeys, effective, hash_of
from appliance.services.permission import Permission, needs
from appliance.services.rate_limit import Rate, RateLimit

__all__ = ["SCOPES", "ApiKeys", "Caller", "NewApiKey"]

PREFIX = "pr_"
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewApiKey:
    id: str
    secret: str


class ApiKeys:
    """`limits`: what holds for keys that have no limit of their own."""

    def __init__(
        self,
        database: Database,
        limits: LimitsSettings | None = None,
        *,
        clock: Clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._limits = limits or LimitsSettings()
        self._clock = clock
        self._rates = RateLimit(timer)
        self.uses = KeyUses(database, timer)
        self._known = KnownKeys(database, self._limits, self.uses, clock=clock, timer=timer)

    @needs(Permission.ADMINISTER)
    def create(
        self,
        name: str,
        scopes: Iterable[str],
        expires_at: datetime | None = None,
        limits: KeyLimits = NO_LIMITS,
        *,
        by: Caller | None = None,
    ) -> NewApiKey:
        """The secret is in the answer and nowhere else. `by`: the key that makes it, if it is one that does.

        Raises:
            InvalidInput: a field is wrong, or names an account that there is not.
            NotAllowed: it would have more than `by` has.
        """
        form = key_form.check(KeyForm(name, tuple(scopes), expires_at, **_fields(limits)))
        self._require_within(form, None, by)
        made, now = NewApiKey(new_id("key"), PREFIX + secrets.token_urlsafe(SECRET_BYTES)), self._clock()
        row = key_form.row(form) | {"id": made.id, "secret_hash": hash_of(made.secret), "created_at": now}
        noted = audit.entry("key.created", made.id, key_form.described(form), now)

        def write(session: Session) -> None:
            _require_accounts(session, form.allowed_accounts)
            insert_rows(session, ApiKey, row)
            AuditEntry.note(session, noted)

        self._database.write(write)
        return made

    def faults(self, form: KeyForm, by: Caller | None) -> list[FieldError]:
        """What `create` would find wrong with it, each field once."""
        with self._database.read() as session:
            missing = _missing_accounts(session, form.allowed_accounts)
        found = [*key_form.errors(form), *missing]
        named = {one.field.partition("[")[0] for one in found}
        return [*found, *(one for one in self._beyond(form, None, by) if one.field not in named)]

    @needs(Permission.ADMINISTER)
    def change(self, key_id: str, changes: Mapping[str, Any], *, by: Caller | None = None) -> None:
        """Sets the given fields of `KeyForm`. Changing nothing is no change.

        Raises NotFound, InvalidInput, NotAllowed as `create` does, and WrongState for a key that was revoked.
        """
        noted = audit.entry("key.changed", key_id, {}, self._clock())

        def write(session: Session) -> None:
            key = _existing(session, key_id)
            if key.revoked_at is not None:
                raise WrongState(gettext("The API key was revoked, and that is for good. Create another one."))
            before = key_form.of(key)
            form = key_form.check(replace(before, **changes))
            self._require_within(form, before, by)
            _require_accounts(session, set(form.allowed_accounts) - set(before.allowed_accounts))
            difference = key_form.difference(before, form)
            if difference:
                key_form.apply(form, key)
                AuditEntry.note(session, noted | {"detail": difference})

        self._database.write(write)
        self._known.forget()

    @needs(Permission.ADMINISTER)
    def enable(self, key_id: str) -> None:
        """Raises NotFound, WrongState."""
        self.change(key_id, {"active": True})

    @needs(Permission.ADMINISTER)
    def disable(self, key_id: str) -> None:
        """Until it is enabled again it opens nothing. Raises NotFound, WrongState."""
        self.change(key_id, {"active": False})

    @needs(Permission.ADMINISTER)
    def revoke(self, key_id: str) -> None:
        """For good; the key stays visible. Raises NotFound. Revoking twice changes nothing."""
        now = self._clock()
        noted = audit.entry("key.revoked", key_id, {}, now)

        def write(session: Session) -> None:
            key = _existing(session, key_id)
            if key.revoked_at is None:
                key.revoked_at = now
                AuditEntry.note(session, noted | {"detail": {"name": key.name}})

        self._database.write(write)
        self._known.forget()

    def authenticate(self, secret: str, address: str = "") -> Caller | None:
        """See `KnownKeys.caller`."""
        return self._known.caller(secret, address)

    def admit(self, caller: Caller) -> Rate | None:
        """Counts a request of `caller`. None: it may send as many as it likes. Raises RateLimited."""
        per_minute = caller.limits.requests_per_minute
        if per_minute is None:
            return None
        rate = self._rates.take(caller.api_key_id, per_minute)
        if rate.wait > 0:
            remedy = gettext("This API key may send %(most)s requests a minute. Wait before the next.", most=per_minute)
            raise RateLimited(remedy, rate.wait)
        return rate

    def rate(self, caller: Caller) -> Rate | None:
        """How `admit` stands, without counting."""
        per_minute = caller.limits.requests_per_minute
        return None if per_minute is None else self._rates.look(caller.api_key_id, per_minute)

    def limits_of(self, key: ApiKey) -> KeyLimits:
        """Those in force."""
        return effective(key, self._limits)

    def _require_within(self, form: KeyForm, before: KeyForm | None, by: Caller | None) -> None:
        if errors := self._beyond(form, before, by):
            raise NotAllowed(errors)

    def _beyond(self, form: KeyForm, before: KeyForm | None, by: Caller | None) -> list[FieldError]:
        """What counts is what will be in force: no number means that of the configuration, which `by` may have too."""
        if by is None:
            return []
        return key_form.beyond(self._in_force(form), self._in_force(before) if before else None, by)

    def _in_force(self, form: KeyForm) -> KeyForm:
        return replace(
            form,
            requests_per_minute=form.requests_per_minute or self._limits.key_requests_per_minute or None,
            daily_limit=form.daily_limit or self._limits.key_daily_messages or None,
        )


def _fields(limits: KeyLimits) -> dict[str, Any]:
    return {name: getattr(limits, name) for name in KeyLimits.__slots__}


def _existing(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound("API key", key_id)
    return key


def _require_accounts(session: Session, wanted: Iterable[str]) -> None:
    if errors := _missing_accounts(session, wanted):
        raise InvalidInput(errors)


def _missing_accounts(session: Session, wanted: Iterable[str]) -> list[FieldError]:
    missing = sorted(set(wanted) - access.existing_accounts(session, wanted))
    if not missing:
        return []
    remedy = gettext("There is no sender account %(id)s. GET /api/v1/accounts lists them.", id=repr(missing[0]))
    return [FieldError("allowed_accounts", remedy, "not_found")]
