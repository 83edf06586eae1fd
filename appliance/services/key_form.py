"""What can be set of an API key, and the rules for it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from appliance.db.models import ApiKey
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.services import key_limits
from appliance.services.caller import SCOPES, Caller
from appliance.services.key_limits import NOT_ALLOWED, KeyLimits

LONGEST_NAME = 200
MOST_ENTRIES = 100
LARGEST = 2_000_000_000


@dataclass(frozen=True, slots=True)
class KeyForm:
    """All of it. None, or nothing named: as with `KeyLimits`, but as the configuration says where that has a limit."""

    name: str
    scopes: Sequence[str]
    expires_at: datetime | None = None
    active: bool = True
    requests_per_minute: int | None = None
    daily_limit: int | None = None
    allowed_accounts: Sequence[str] = ()
    allowed_from: Sequence[str] = ()

    def limits(self) -> KeyLimits:
        return KeyLimits(
            self.requests_per_minute, self.daily_limit, tuple(self.allowed_accounts), tuple(self.allowed_from)
        )


def of(key: ApiKey) -> KeyForm:
    return KeyForm(**{name: getattr(key, name) for name in KeyForm.__slots__})


def apply(form: KeyForm, key: ApiKey) -> None:
    for name, value in row(form).items():
        setattr(key, name, value)


def row(form: KeyForm) -> dict[str, Any]:
    """By column."""
    lists = {name: list(getattr(form, name)) for name in ("scopes", "allowed_accounts", "allowed_from")}
    return asdict(form) | lists


def described(form: KeyForm) -> dict[str, Any]:
    """As JSON, for the audit."""
    return row(form) | {"expires_at": form.expires_at.isoformat() if form.expires_at else None}


def difference(before: KeyForm, after: KeyForm) -> dict[str, Any]:
    """What changed, as `{field: [before, after]}`."""
    old, new = described(before), described(after)
    return {name: [old[name], new[name]] for name in old if old[name] != new[name]}


def errors(form: KeyForm) -> list[FieldError]:
    """Every wrong field."""
    _, wrong = _patterns(form.allowed_from)
    return [*_name_errors(form), *_scope_errors(form), *_number_errors(form), *_list_errors(form), *wrong]


def check(form: KeyForm) -> KeyForm:
    """In the form in which it is kept. Raises InvalidInput with every wrong field."""
    if wrong := errors(form):
        raise InvalidInput(wrong)
    patterns, _ = _patterns(form.allowed_from)
    return replace(
        form,
        name=form.name.strip(),
        scopes=tuple(dict.fromkeys(form.scopes)),
        allowed_accounts=tuple(dict.fromkeys(form.allowed_accounts)),
        allowed_from=patterns,
    )


def beyond(form: KeyForm, before: KeyForm | None, caller: Caller) -> list[FieldError]:
    """What `form` would give a key although `caller` does not have it. `before`: what the key has already."""
    ceiling = (_scopes_beyond, _accounts_beyond, _from_beyond, _numbers_beyond, _expiry_beyond)
    changed = set(KeyForm.__slots__) if before is None else set(difference(before, form))
    return [error for rule in ceiling for error in rule(form, caller) if error.field in changed]


def _name_errors(form: KeyForm) -> Iterator[FieldError]:
    if not 0 < len(form.name.strip()) <= LONGEST_NAME or not form.name.strip().isprintable():
        remedy = gettext(
            "Give a name of 1 to %(most)s characters that says which program uses the key.", most=LONGEST_NAME
        )
        yield FieldError("name", remedy)


def _scope_errors(form: KeyForm) -> Iterator[FieldError]:
    if unknown := [scope for scope in form.scopes if scope not in SCOPES]:
        remedy = gettext(
            "%(unknown)s: unknown; choose from %(known)s.", unknown=", ".join(unknown), known=", ".join(SCOPES)
        )
        yield FieldError("scopes", remedy)
    if not form.scopes:
        yield FieldError("scopes", gettext("Give at least one of %(known)s.", known=", ".join(SCOPES)))


def _number_errors(form: KeyForm) -> Iterator[FieldError]:
    for name in ("requests_per_minute", "daily_limit"):
        value = getattr(form, name)
        if value is not None and not 1 <= value <= LARGEST:
            remedy = gettext(
                "Give a whole number from 1 to %(most)s, or nothing: then the configuration decides.", most=LARGEST
            )
            yield FieldError(name, remedy)


def _list_errors(form: KeyForm) -> Iterator[FieldError]:
    for name in ("allowed_accounts", "allowed_from"):
        if len(getattr(form, name)) > MOST_ENTRIES:
            yield FieldError(name, gettext("There may be %(most)s entries.", most=MOST_ENTRIES), "too_many")


def _patterns(texts: Sequence[str]) -> tuple[tuple[str, ...], list[FieldError]]:
    found: dict[str, None] = {}
    errors = []
    for index, text in enumerate(texts):
        try:
            found[key_limits.pattern(text)] = None
        except ValueError as error:
            errors.append(FieldError(f"allowed_from[{index}]", str(error)))
    return tuple(found), errors


def _scopes_beyond(form: KeyForm, caller: Caller) -> Iterator[FieldError]:
    if more := [scope for scope in form.scopes if scope not in caller.scopes]:
        remedy = gettext("Your own key lacks %(more)s, so it can give no other key that.", more=", ".join(more))
        yield FieldError("scopes", remedy, NOT_ALLOWED)


def _accounts_beyond(form: KeyForm, caller: Caller) -> Iterator[FieldError]:
    own = caller.limits.allowed_accounts
    if own and not (form.allowed_accounts and set(form.allowed_accounts) <= set(own)):
        remedy = gettext("Choose from those of your own key: %(own)s.", own=", ".join(own))
        yield FieldError("allowed_accounts", remedy, NOT_ALLOWED)


def _from_beyond(form: KeyForm, caller: Caller) -> Iterator[FieldError]:
    own = caller.limits.allowed_from
    if own and not (form.allowed_from and all(key_limits.covered(one, own) for one in form.allowed_from)):
        remedy = gettext("Stay within those of your own key: %(own)s.", own=", ".join(own))
        yield FieldError("allowed_from", remedy, NOT_ALLOWED)


def _numbers_beyond(form: KeyForm, caller: Caller) -> Iterator[FieldError]:
    for name in ("requests_per_minute", "daily_limit"):
        own, wanted = getattr(caller.limits, name), getattr(form, name)
        if own is not None and (wanted is None or wanted > own):
            yield FieldError(name, gettext("Your own key has %(own)s; give that or less.", own=own), NOT_ALLOWED)


def _expiry_beyond(form: KeyForm, caller: Caller) -> Iterator[FieldError]:
    own = caller.expires_at
    if own is not None and (form.expires_at is None or form.expires_at > own):
        remedy = gettext("Your own key expires at %(moment)s; give that or earlier.", moment=own.isoformat())
        yield FieldError("expires_at", remedy, NOT_ALLOWED)
