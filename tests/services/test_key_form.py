from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.errors import InvalidInput
from appliance.services import key_form
from appliance.services.caller import Caller
from appliance.services.key_form import LARGEST, KeyForm
from appliance.services.key_limits import KeyLimits

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def form(**fields: Any) -> KeyForm:
    return KeyForm(**{"name": "shop", "scopes": ("send",)} | fields)


def caller(*scopes: str, expires_at: datetime | None = None, **limits: Any) -> Caller:
    return Caller("key_1", "chief", frozenset(scopes or ("send", "read", "manage")), KeyLimits(**limits), expires_at)


def beyond(wanted: KeyForm, own: Caller, before: KeyForm | None = None) -> list[str]:
    return [error.field for error in key_form.beyond(wanted, before, own)]


def test_form_is_kept_in_its_usual_form() -> None:
    kept = key_form.check(
        form(
            name=" shop ", scopes=("send", "send"), allowed_from=["A@B.example", "a@b.example"], allowed_accounts=["x"]
        )
    )

    assert kept == form(name="shop", allowed_from=("a@b.example",), allowed_accounts=("x",))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": " "}, {"name"}),
        ({"name": "a\nb"}, {"name"}),
        ({"name": "x" * 201}, {"name"}),
        ({"scopes": ()}, {"scopes"}),
        ({"scopes": ("fly",)}, {"scopes"}),
        ({"requests_per_minute": 0}, {"requests_per_minute"}),
        ({"daily_limit": LARGEST + 1}, {"daily_limit"}),
        ({"allowed_from": ("a@b.example", "nobody", "@")}, {"allowed_from[1]", "allowed_from[2]"}),
        ({"allowed_accounts": ["acc"] * 101}, {"allowed_accounts"}),
        ({"name": "", "scopes": (), "daily_limit": -1}, {"name", "scopes", "daily_limit"}),
    ],
)
def test_every_wrong_field_is_named_at_once(fields: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(InvalidInput) as raised:
        key_form.check(form(**fields))

    assert {error.field for error in raised.value.errors} == wrong


def test_caller_without_limits_gives_whatever_it_likes() -> None:
    assert beyond(form(scopes=("send", "read", "manage")), caller()) == []


@pytest.mark.parametrize(
    ("own", "wanted", "wrong"),
    [
        (caller("manage"), {"scopes": ("manage", "send")}, ["scopes"]),
        (caller(allowed_accounts=("a", "b")), {}, ["allowed_accounts"]),
        (caller(allowed_accounts=("a", "b")), {"allowed_accounts": ("a", "c")}, ["allowed_accounts"]),
        (caller(allowed_accounts=("a", "b")), {"allowed_accounts": ("b",)}, []),
        (caller(allowed_from=("@x.example",)), {}, ["allowed_from"]),
        (caller(allowed_from=("@x.example",)), {"allowed_from": ("a@x.example", "a@y.example")}, ["allowed_from"]),
        (caller(allowed_from=("@x.example",)), {"allowed_from": ("a@x.example",)}, []),
        (caller(requests_per_minute=60), {}, ["requests_per_minute"]),
        (caller(requests_per_minute=60), {"requests_per_minute": 61}, ["requests_per_minute"]),
        (caller(requests_per_minute=60), {"requests_per_minute": 60}, []),
        (caller(daily_limit=10), {"daily_limit": 11}, ["daily_limit"]),
        (caller(expires_at=NEW_YEAR), {}, ["expires_at"]),
        (caller(expires_at=NEW_YEAR), {"expires_at": NEW_YEAR}, []),
    ],
)
def test_key_cannot_be_given_more_than_its_maker_has(own: Caller, wanted: dict[str, Any], wrong: list[str]) -> None:
    assert beyond(form(**wanted), own) == wrong


def test_what_a_key_has_already_may_stay() -> None:
    before = form(scopes=("send", "read"), daily_limit=1000)

    assert beyond(form(scopes=("send", "read"), daily_limit=1000, name="new"), caller("manage"), before) == []
    assert beyond(form(scopes=("send", "manage"), daily_limit=1000), caller("manage"), before) == ["scopes"]


def test_difference_says_what_was_and_what_is() -> None:
    assert key_form.difference(form(), form(daily_limit=5, expires_at=NEW_YEAR)) == {
        "daily_limit": [None, 5],
        "expires_at": [None, "2027-01-01T00:00:00+00:00"],
    }
