from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest

from appliance.mail.template_filters import FILTERS, TESTS
from appliance.mail.templating import RenderingFailed, Source, compile_template

VALUES = {
    "people": [{"name": "bo", "age": 9, "on": True}, {"name": "Ann", "age": 30, "on": False}],
    "day": date(2026, 3, 1),
    "at": datetime(2026, 3, 1, 17, 5, tzinfo=UTC),
    "nothing": None,
    "price": {"net": {"eur": 1234.5}},
}


def shown(expression: str, **values: Any) -> str:
    return compile_template(Source("x", text=f"{{{{ {expression} }}}}")).render(VALUES | values).text


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'ann smith' | title", "Ann Smith"),
        ("'ann SMITH' | capitalize", "Ann smith"),
        ("'a' | upper ~ ('B' | lower)", "Ab"),
        ("'  a ' | trim", "a"),
        ("'a-b' | replace('-', '+')", "a+b"),
        ("'one two three' | truncate(9)", "one two…"),
        ("'short' | truncate(9)", "short"),
        ("'a b&c/d' | urlencode", "a%20b%26c%2Fd"),
        ("'a<b' | e", "a&lt;b"),
        ("'a\nb<' | nl2br", "a<br>\nb&lt;"),
        ("'abc' | reverse", "cba"),
        ("1234567.891 | number", "1,234,567.89"),
        ("1234.5 | number(2, '.', ',')", "1.234,50"),
        ("1234.5 | number(0, '')", "1234"),
        ("2.345 | round(2)", "2.35" if round(2.345, 2) == 2.35 else "2.34"),
        ("2.6 | round", "3"),
        ("'12' | int + 1", "13"),
        ("'x' | int(5)", "5"),
        ("'1.5' | float", "1.5"),
        ("'inf' | float", "0.0"),
        ("(-3) | abs", "3"),
        ("day | date('%d.%m.%Y')", "01.03.2026"),
        ("at | date('%H:%M')", "17:05"),
        ("day | date('%Y年%m月%d日')", "2026年03月01日"),
        ("people | length", "2"),
        ("'abc' | count", "3"),
        ("(people | first).name", "bo"),
        ("(people | last).name", "Ann"),
        ("[] | first", ""),
        ("people | map(attribute='name') | join(', ')", "bo, Ann"),
        ("people | join('/', 'name')", "bo/Ann"),
        ("people | sort(attribute='name') | map('name') | join(' ')", "Ann bo"),
        ("[3, 1, 2] | sort(reverse=true) | join", "321"),
        ("people | selectattr('on') | map('name') | join", "bo"),
        ("people | rejectattr('on') | map('name') | join", "Ann"),
        ("people | selectattr('age', 'gt', 10) | map('name') | join", "Ann"),
        ("people | sum(attribute='age')", "39"),
        ("[1, 2, 1] | unique | join", "12"),
        ("[1, 5, 2] | max ~ ([1, 5] | min)", "51"),
        ("{'b': 1, 'A': 2} | dictsort | first | join", "A2"),
        ("{'b': 1} | items | first | join", "b1"),
        ("range(3) | list | length", "3"),
        ("nothing | default('-')", "-"),
        ("missing | default('-')", "-"),
        ("'' | d('-', true)", "-"),
        ("[price] | map('net.eur') | first | number", "1,234.50"),
        ("12 | string ~ 'a'", "12a"),
    ],
)
def test_filter(expression: str, expected: str) -> None:
    assert shown(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("day is defined and missing is undefined", "true"),
        ("nothing is none", "true"),
        ("1 is odd and 2 is even and 9 is divisibleby(3)", "true"),
        ("1.5 is number and true is boolean and 'a' is string", "true"),
        ("people is sequence and price is mapping and people is iterable", "true"),
        ("true is number", "false"),
    ],
)
def test_test(expression: str, expected: str) -> None:
    assert shown(expression) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("'a' | number", "a text is no number to count with"),
        ("'a' | date", "a text is no date"),
        ("day | date('%9999d')", "a date is written with"),
        ("day | date('%')", "a date is written with"),
        ("people | join", "an object cannot be printed as it is"),
        ("people | sort", "an object cannot be compared"),
        ("people | map('salary')", "an object has no 'salary'"),
        ("people | selectattr('age', 'callable')", "there is no comparison 'callable'"),
        ("5 | length", "a number is no list"),
        ("1 / 0", "something is divided by zero"),
        ("9 is divisibleby(0)", "something is divided by zero"),
    ],
)
def test_value_that_does_not_fit_is_told(expression: str, reason: str) -> None:
    with pytest.raises(RenderingFailed, match=reason):
        shown(expression)


ANYTHING = [None, True, "text", 1, 1.5, [1, [2]], {"a": {}}, date(2026, 1, 1)]


@pytest.mark.parametrize(
    "expression", [*(f"value | {name}" for name in FILTERS), *(f"value is {name}" for name in TESTS)]
)
@pytest.mark.parametrize("value", ANYTHING, ids=repr)
def test_whatever_it_is_given_it_fails_in_one_way_only(expression: str, value: Any) -> None:
    with suppress(RenderingFailed):
        assert isinstance(shown(expression, value=value), str)
