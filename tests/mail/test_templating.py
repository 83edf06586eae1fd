"""Templates that are right, templates that are wrong, and templates that somebody wrote to do harm."""

import os
import tracemalloc
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.mail.templating import (
    InvalidTemplate,
    Rendered,
    RenderingFailed,
    Source,
    compile_template,
    names_used,
)

MEGABYTE = 1024 * 1024
DAY = date(2026, 3, 1)
SEVEN = datetime(2026, 3, 1, 7, tzinfo=UTC)
TWICE = "{% set s = namespace(t=START) %}{% for i in range(99) %}{% set s.t = AGAIN %}{% endfor %}"


def render(html: str, **values: Any) -> str:
    made = compile_template(Source("Hello", html=html)).render(values).html
    assert made is not None
    return made


def refusal(html: str, **values: Any) -> str:
    with pytest.raises((InvalidTemplate, RenderingFailed)) as raised:
        render(html, **values)
    return str(raised.value)


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("Hello {{ name }}", {"name": "Ann"}, "Hello Ann"),
        ("{{ name }}", {"name": "<b>"}, "&lt;b&gt;"),
        ("{{ name | safe }}", {"name": "<b>"}, "<b>"),
        ("{% if n > 1 and n < 3 %}two{% elif n == 3 %}three{% else %}many{% endif %}", {"n": 3}, "three"),
        ("{% for x in xs %}{{ loop.index }}/{{ loop.length }}{{ x }}{% else %}none{% endfor %}", {"xs": []}, "none"),
        ("{% for x in xs if x.on %}{{ loop.last }}{{ x['n'] }}{% endfor %}", {"xs": [{"n": 1, "on": 1}]}, "true1"),
        ("{% for k, v in o.items() %}{{ k }}={{ v }};{% endfor %}", {"o": {"a": 1, "b": 2}}, "a=1;b=2;"),
        ("{{ order.items }}", {"order": {"items": "what it holds"}}, "what it holds"),
        ("{% for x in range(3) %}{{ loop.cycle('a', 'b') }}{% endfor %}", {}, "aba"),
        ("{% set s = namespace(t=0) %}{% for x in [1, 2] %}{% set s.t = s.t + x %}{% endfor %}{{ s.t }}", {}, "3"),
        ("{% set x %}<i>{{ n }}</i>{% endset %}{{ x }}{{ x }}", {"n": "<"}, "<i>&lt;</i><i>&lt;</i>"),
        ("{% with total = 2 * 3 %}{{ total }}{% endwith %}", {}, "6"),
        ("{{ a ~ '<' ~ 1 }}", {"a": "x"}, "x&lt;1"),
        ("{{ 7 // 2 }} {{ 7 % 2 }} {{ 7 / 2 }} {{ -7 }}", {}, "3 1 3.5 -7"),
        ("{{ 'x' if missing is defined else 'y' }}", {}, "y"),
        ("{{ xs[0] }}{{ xs[-1] }}{{ xs[1:] | join('-') }}{{ 'abc'[:2] }}", {"xs": [1, 2, 3]}, "132-3ab"),
        ("{{ 2 in xs }} {{ 'b' in 'abc' }} {{ 'k' not in o }}", {"xs": [1, 2], "o": {"k": 1}}, "true true false"),
        ("{{ xs == [] }} {{ xs == none }}", {"xs": []}, "true false"),
        ("[{{ nothing }}]", {"nothing": None}, "[]"),
        ("{% for x in nothing %}x{% endfor %}", {"nothing": None}, ""),
        ("{{ day }} {{ day.year }} {{ at.hour }}", {"day": DAY, "at": SEVEN}, "2026-03-01 2026 7"),
        ("{# a comment #}{% raw %}{{ x }}{% endraw %}", {}, "{{ x }}"),
    ],
)  # fmt: skip
def test_language_of_templates(template: str, values: dict[str, Any], expected: str) -> None:
    assert render(template, **values) == expected


def test_only_html_is_escaped() -> None:
    made = compile_template(Source("{{ n }}", html="{{ n }}", text="{{ n }}")).render({"n": "a & b"})

    assert made == Rendered("a & b", "a &amp; b", "a & b")


def test_text_is_derived_from_the_html_when_there_is_none() -> None:
    made = compile_template(Source("Hi", html="<p>Hello <b>{{ n }}</b></p>")).render({"n": "<Ann>"})

    assert made.text == "Hello <Ann>\n"


def test_subject_is_one_line_whatever_the_variables_hold() -> None:
    made = compile_template(Source("Hello {{ n }}", text="x")).render({"n": "Ann\r\nBcc: eve@example.com"})

    assert made.subject == "Hello Ann Bcc: eve@example.com"


def test_styles_are_moved_to_the_elements() -> None:
    made = render("<style>p { color: red } @media print { p { color: black } }</style><p>{{ n }}</p>", n="x")

    assert '<p style="color: red;">x</p>' in made
    assert "@media print" in made


def test_undefined_name_is_an_error_with_its_line() -> None:
    assert refusal("one\n{{ name }}") == "html: Line 2: 'name' is undefined"
    assert refusal("{{ a.b }}", a={}) == "html: Line 1: an object has no 'b'"
    assert "'b' is undefined" in refusal("{{ 'x' ~ b }}")
    assert "'b' is undefined" in refusal("{{ 1 + b }}")
    assert "'b' is undefined" in refusal("{{ b | upper }}")
    assert "'b' is undefined" in refusal("{{ b == 1 }}")
    assert "'b' is undefined" in refusal("{% for x in b %}{% endfor %}")
    assert "'b' is undefined" in refusal("{{ b.c }}{{ b[0] }}")


def test_every_part_that_is_wrong_is_named() -> None:
    with pytest.raises(InvalidTemplate) as raised:
        compile_template(Source("{{", html="\n{% if %}", text="{% endfor %}"))

    assert [(fault.part, fault.line) for fault in raised.value.faults] == [("subject", 1), ("html", 2), ("text", 1)]


def test_names_that_a_template_uses_are_known() -> None:
    source = Source("{{ a }}", html="{% for x in b %}{{ x.c }}{{ loop.index }}{% endfor %}{{ range(3) | length }}")

    assert names_used(source) == {"subject": {"a"}, "html": {"b"}}


def test_template_can_be_rendered_again_with_other_values() -> None:
    compiled = compile_template(Source("{{ n }}", text="{{ n }}"))

    assert [compiled.render({"n": n}).text for n in (1, 2)] == ["1", "2"]


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ x['__class__'] }}",
    "{{ x | map(attribute='__class__') | list }}",
    "{{ x | map('__class__') }}",
    "{{ [x] | map('__class__') | join }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '%s' % x }}",
    "{{ x.mro() }}",
    "{{ self.__init__ }}",
    "{{ self }}",
    "{{ range.__globals__ }}",
    "{{ range }}",
    "{{ namespace.__init__ }}",
    "{{ namespace(a=1).__dict__ }}",
    "{{ namespace(**x) }}",
    "{{ loop.__class__ }}",
    "{% for i in [1] %}{{ loop._iterator }}{% endfor %}",
    "{% for i in [1] %}{{ loop.cycle.__self__ }}{% endfor %}",
    "{{ cycler }}",
    "{{ joiner() }}",
    "{{ lipsum.__globals__ }}",
    "{{ dict() }}",
    "{{ caller() }}",
    "{{ x.items.__self__ }}",
    "{{ x.pop('a') }}",
    "{{ x.clear() }}",
    "{{ [].append(1) }}",
    "{{ 'a'.upper() }}",
    "{{ x.get.__call__('a') }}",
    "{{ x | attr('__class__') }}",
    "{% include 'secrets' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'layout' %}",
    "{% block a %}{% endblock %}",
    "{% autoescape false %}{{ '<' }}{% endautoescape %}",
    "{% filter upper %}x{% endfilter %}",
    "{% call range(1) %}{% endcall %}",
    "{% set _x = 1 %}",
    "{% set x.a = 1 %}",
    "{{ f() }}",
    "{{ f }}",
    "{{ x[f] }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_nothing_leads_out_of_the_sandbox(template: str) -> None:
    refusal(template, x={"a": 1}, f=lambda: 1 / 0)


TOO_MUCH = {
    "multiplied text": "{{ 'a' * 10**9 }}",
    "multiplied text by a number": "{{ 'a' * 1000000000 }}",
    "multiplied list": "{{ [0] * 1000000000 }}",
    "power": "{{ 9 ** 999999999 }}",
    "growing number": "{% set s = namespace(n=9) %}{% for i in range(99999) %}{% set s.n = s.n * s.n %}{% endfor %}",
    "growing float": "{% set s = namespace(n=9.5) %}{% for i in range(9999) %}{% set s.n = s.n * s.n %}{% endfor %}",
    "large literal": "{{ 9" + "9" * 4000 + " }}",
    "larger literal": "{{ 9" + "9" * 9000 + " }}",
    "huge range": "{% for i in range(1000000000000) %}{% endfor %}",
    "range that has no length": "{{ range(10, 99999999999999999) | length }}",
    "range to list": "{% for i in range(99999) %}{% set x = range(99999) | list %}{% endfor %}",
    "nested loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "deeply nested loops": "{% for i in range(9) %}" * 18 + "x" + "{% endfor %}" * 18,
    "too deeply nested loops": "{% for i in range(9) %}" * 30 + "x" + "{% endfor %}" * 30,
    "much static text": "{% for i in range(99999) %}" + "x" * 10000 + "{% endfor %}",
    "much text in a variable": "{% set a %}" + "b" * 5000 + "{% endset %}{% for i in range(9999) %}{{ a }}{% endfor %}",
    "captured text": "{% set a %}{% for i in range(99999) %}" + "b" * 500 + "{% endfor %}{% endset %}x",
    "recursive macro": "{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
    "recursive loop": "{% for i in range(99) recursive %}{{ loop(range(99)) }}{% endfor %}",
    "doubling text": TWICE.replace("START", "'a'").replace("AGAIN", "s.t ~ s.t"),
    "doubling text by adding": TWICE.replace("START", "'a'").replace("AGAIN", "s.t + s.t"),
    "doubling list": TWICE.replace("START", "[1]").replace("AGAIN", "s.t + s.t"),
    "list of itself": TWICE.replace("START", "[1]").replace("AGAIN", "[s.t, s.t]") + "{{ s.t }}",
    "lists of themselves compared": (
        "{% set a = namespace(t=[1]) %}{% set b = namespace(t=[1]) %}{% for i in range(99) %}"
        "{% set a.t = [a.t, a.t] %}{% set b.t = [b.t, b.t] %}{% endfor %}{{ a.t == b.t }}"
    ),
    "lists of themselves sorted": (
        "{% set a = namespace(t=[1]) %}{% set b = namespace(t=[1]) %}{% for i in range(99) %}"
        "{% set a.t = [a.t, a.t] %}{% set b.t = [b.t, b.t] %}{% endfor %}{{ [a.t, b.t] | sort }}"
    ),
    "format width": "{{ '%999999999d' % 1 }}",
    "format width in a test": "{{ '%999999999d' is odd }}",
    "format filter": "{{ '%999999999d' | format(1) }}",
    "center filter": "{{ 'a' | center(999999999) }}",
    "batch filter": "{{ [1] | batch(999999999, 'x') | list }}",
    "indent filter": "{{ 'a' | indent(999999999) }}",
    "lorem ipsum": "{{ lipsum(n=99999) }}",
    "replace upon replace": "{{ 'a'" + " | replace('a', 'aaaaaaaaaa')" * 12 + " }}",
    "wide join": "{{ range(9999) | join('" + "x" * 1000 + "') }}",
    "rounding to the far left": "{{ 5 | round(-999999999) }}",
    "date with a width": "{{ d | date('%999999999d') }}",
    "sum of lists": "{{ [[1], [2]] | sum(start=[]) }}",
    "many filters in a loop": "{% for i in range(99999) %}{{ 'a' | upper | lower | title | trim }}{% endfor %}",
    "slices in a loop": "{% set x = range(99999) | list %}{% for i in range(9999) %}{% set y = x[:] %}{% endfor %}",
    "searching in a loop": "{% set x = range(99999) | list %}{% for i in range(9999) %}{{ -1 in x }}{% endfor %}",
    "parentheses": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "brackets": "{{ " + "[" * 300 + "]" * 300 + " }}",
    "long sum": "{{ 1" + " + 1" * 3000 + " }}",
    "long chain of comparisons": "{{ 1" + " < 1" * 1000 + " }}",
    "nested ifs": "{% if a %}" * 300 + "{% endif %}" * 300,
    "many tags": "{{ a }}" * 30000,
    "many names": "{{ a" + ", a" * 30000 + " }}",
    "html of any depth": "<style>x {a: b}</style>{% for i in range(20000) %}<div>{% endfor %}",
    "paragraphs that reopen elements": (
        "<style>x {a: b}</style><p>{% for i in range(1500) %}<b id='{{ i }}'>{% endfor %}</p>"
        "{% for i in range(1500) %}<p>x</p>{% endfor %}"
    ),
    "styles of every element": (
        "<style>{% for i in range(1400) %}p {--a{{ i }}: 1}{% endfor %}</style>"
        "{% for i in range(3000) %}<p></p>{% endfor %}"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_MUCH)
def test_template_that_would_take_too_much_is_stopped_before_it_does(name: str) -> None:
    tracemalloc.start()
    try:
        refusal(TOO_MUCH[name], a=1, d=date(2026, 1, 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 50 * MEGABYTE


def test_output_is_bounded() -> None:
    compiled = compile_template(Source("x", text="{{ a }}{{ a }}"))

    assert compiled.render({"a": "x" * 500}, 1000).text == "x" * 1000
    with pytest.raises(RenderingFailed, match="it makes more than 999 characters"):
        compiled.render({"a": "x" * 500}, 999)


def test_large_but_honest_template_is_rendered() -> None:
    rows = [{"name": f"item {number}", "price": number * 1.5, "count": 2} for number in range(1000)]
    cells = "<td>{{ r.name | title }}</td><td>{{ (r.price * r.count) | number }}</td>"
    table = f"{{% for r in rows %}}<tr>{cells}</tr>{{% endfor %}}"

    made = render(f"<table>{table}</table>{{{{ rows | sum(attribute='price') | number }}}}", rows=rows)

    assert made.count("<tr>") == 1000
    assert made.endswith("749,250.00")


def test_others_run_while_a_template_is_rendered() -> None:
    turns = []
    compiled = compile_template(Source("x", text="{% for i in range(30000) %}{{ i }}{% endfor %}"))
    counting = gevent.spawn(lambda: [turns.append(gevent.sleep(0)) for _ in range(1000)])

    compiled.render({})

    assert len(turns) > 5
    counting.kill()


WORDS = (
    "{{ }} {% %} {# #} for in if elif else endif endfor set endset with endwith raw endraw macro endmacro not and or "
    "is defined none true x y xs o . , : | ~ + - * / // % ** == < >= [ ] ( ) { } 'a' 1 1.5 0 -1 = name upper join map "
    "number date default sort sum range namespace loop .index .items() ['a'] [1:] [::0] recursive ~~ !"
)
SENTENCES = st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join)


@settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "300")), deadline=5000)
@given(SENTENCES, st.booleans())
def test_whatever_is_written_fails_in_one_way_only(text: str, inside: bool) -> None:
    template = f"{{% for x in xs %}}{{{{ {text} }}}}{{% endfor %}}" if inside else text
    with suppress(InvalidTemplate, RenderingFailed):
        source = Source("x", html=template)
        compiled = compile_template(source)
        names_used(source)
        assert isinstance(compiled.render({"x": 1, "y": None, "xs": [1, "a", {}], "o": {"a": [1]}}).html, str)
