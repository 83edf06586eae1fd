from datetime import UTC, date, datetime
from typing import Any

import pytest

from appliance.errors import InvalidInput
from appliance.services.template_variables import MOST_VARIABLES, Variable, check, examples_of, values_for

KIBI = 1024


def wrong(variables: tuple[Variable, ...], given: dict[str, Any], most: int = 64 * KIBI) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        values_for(variables, given, most)
    return {error.field: error.code for error in raised.value.errors}


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("string", "Ann", "Ann"),
        ("string", "", ""),
        ("integer", 7, 7),
        ("number", 1.5, 1.5),
        ("number", 2, 2),
        ("boolean", False, False),
        ("date", "2026-03-01", date(2026, 3, 1)),
        ("date", "2026-03-01T08:00:00+01:00", datetime(2026, 3, 1, 7, tzinfo=UTC)),
        ("list", [1, {"a": None}], [1, {"a": None}]),
        ("object", {"a": []}, {"a": []}),
    ],
)
def test_value_of_its_type_is_taken(kind: str, given: Any, value: Any) -> None:
    assert values_for([Variable("x", kind)], {"x": given}, KIBI) == {"x": value}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        *(("string", one) for one in (1, True, ["a"], {"a": 1})),
        *(("integer", one) for one in ("1", 1.5, True, [1])),
        *(("number", one) for one in ("1", True, [1])),
        *(("boolean", one) for one in ("true", 0, 1)),
        *(("date", one) for one in ("tomorrow", "2026-02-30", "2026-03-01T08:00:00", 20260301, "")),
        *(("list", one) for one in ("a", {"a": 1}, 1)),
        *(("object", one) for one in ("a", [1], 1)),
    ],
)
def test_value_of_another_type_is_named(kind: str, given: Any) -> None:
    assert wrong((Variable("x", kind),), {"x": given}) == {"variables.x": "invalid"}


def test_everything_that_is_wrong_is_named_at_once() -> None:
    variables = (Variable("a", "integer"), Variable("b"), Variable("c"))

    assert wrong(variables, {"a": "1", "c": "x", "d": 1}) == {
        "variables.d": "unknown_field",
        "variables.a": "invalid",
        "variables.b": "required",
    }


def test_message_tells_what_the_variable_is_for() -> None:
    with pytest.raises(InvalidInput, match=r"a value of the type integer\. The invoice's\."):
        values_for([Variable("number", "integer", description="The invoice's.")], {}, KIBI)


def test_default_stands_in_for_what_is_left_out() -> None:
    variables = [Variable("a", default="there"), Variable("day", "date", default="2026-03-01")]

    assert values_for(variables, {"a": None}, KIBI) == {"a": "there", "day": date(2026, 3, 1)}


def test_optional_variable_without_a_default_is_null() -> None:
    assert values_for([Variable("a", required=False)], {}, KIBI) == {"a": None}


def test_null_for_a_required_variable_is_missing() -> None:
    assert wrong((Variable("a"),), {"a": None}) == {"variables.a": "required"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"a": "x" * 2000}, "too_large"),
        ({"a": "\ud800"}, "invalid"),
        ({"a": "\0"}, "invalid"),
        ({"a": float("inf")}, "invalid"),
    ],
)
def test_variables_that_cannot_be_sent_are_refused(given: dict[str, Any], code: str) -> None:
    assert wrong((Variable("a"),), given, KIBI) == {"variables": code}


def test_backslash_before_what_looks_like_nul_is_text() -> None:
    assert values_for([Variable("a")], {"a": "C:\\u0000"}, KIBI) == {"a": "C:\\u0000"}


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        (Variable("1a"), "name"),
        (Variable(""), "name"),
        (Variable("_a"), "name"),
        (Variable("ä"), "name"),
        (Variable("a-b"), "name"),
        (Variable("a" * 65), "name"),
        (Variable("loop"), "name"),
        (Variable("range"), "name"),
        (Variable("a", "text"), "type"),
        (Variable("a", "integer", default="x"), "default"),
        (Variable("a", "date", example="soon"), "example"),
        (Variable("a", "string", default="\0"), "default"),
        (Variable("a", description="x" * 501), "description"),
    ],
)
def test_declaration_that_is_wrong_is_named(variable: Variable, field: str) -> None:
    assert [error.field for error in check([variable])] == [f"variables[0].{field}"]


def test_name_is_declared_once() -> None:
    assert [error.field for error in check([Variable("a"), Variable("a")])] == ["variables[1].name"]


def test_there_may_be_only_so_many() -> None:
    variables = [Variable(f"a{number}") for number in range(MOST_VARIABLES + 1)]

    assert [(error.field, error.code) for error in check(variables)] == [("variables", "too_many")]


def test_examples_stand_in_when_a_template_is_shown() -> None:
    variables = [
        Variable("a", example="Ann", default="there"),
        Variable("b", default="there"),
        *(Variable(kind, kind) for kind in ("string", "integer", "number", "boolean", "date", "list", "object")),
    ]

    examples = examples_of(variables)

    assert (examples["a"], examples["b"], examples["string"]) == ("Ann", "there", "string")
    assert set(values_for(variables, examples, KIBI)) == set(examples)
