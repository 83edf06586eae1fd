"""What is wrong with a template is said in the reader's language, with its line."""

import pytest

from appliance.mail.template_words import JINJA
from appliance.mail.templating import InvalidTemplate, RenderingFailed, Source, compile_template
from tests.kept import walked
from tests.marked import marked

UNREADABLE = (
    *("{{ a b }}", "{{ a", "{{ 'a }}", "{# x", "{% raw %}x", "{% if a %}x", "{% endif %}", "{% foo %}", "{% %}"),
    *("{% for x in %}{% endfor %}", "{% for x in y %}{% endif %}", "{{ a is b is c }}", "{% set 1 = 2 %}", "{{ ? }}"),
    *("{{ a. }}", "{{ ) }}", "{{ (1 }}", "{{ 1 if }}", "{{ f(a=1, 2) }}", "{% with x %}{% endwith %}", "{{ {'a':} }}"),
    *("{% for loop in x %}{% endfor %}", "{% call x %}{% endcall %}", "{% block a-b %}{% endblock %}"),
    *("{% include 'x' %}", "{{ a | nix }}", "{{ a is nix }}", "{{ x(1) }}", "{{ a.__class__ }}", "{{ _a }}"),
    *(
        "{{ 9999999999999999999 }}",
        "{{ a < b < c }}",
        "{{ range(*a) }}",
        "{{ [" * 300,
        "{% filter upper %}{% endfilter %}",
    ),
    *("{% for x in y recursive %}{% endfor %}", "{{ a }}" * 9000),
)
UNFIT = (
    *("{{ missing }}", "{{ order.missing }}", "{{ order }}", "{{ order + 1 }}", "{{ 1 / 0 }}", "{{ order < 1 }}"),
    *(
        "{% for x in 5 %}{% endfor %}",
        "{{ 5 | date }}",
        "{{ 5 | join }}",
        "{{ 1 | number(99) }}",
        "{{ 1 | round(99) }}",
    ),
    *("{{ range(999999) }}", "{{ 5 | dictsort }}", "{{ 1 in 5 }}", "{{ 5[1:2] }}", "{{ [order] | map('x') }}"),
    *("{{ [order] | selectattr('name', 'nix') | list }}", "{{ 'x' | replace('x', 'y' * 1) }}"),
    *("{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}",),
)


def test_every_sentence_is_known_again_and_none_is_taken_for_another() -> None:
    assert walked(JINJA) == []


@pytest.mark.parametrize("source", UNREADABLE, ids=lambda source: source[:30])
def test_no_fault_of_the_compiler_is_left_in_english(source: str) -> None:
    with marked():
        with pytest.raises(InvalidTemplate) as raised:
            compile_template(Source("Hello", f"one\n{source}"))
        [fault] = raised.value.faults
        said = str(fault)

    assert fault.reason.startswith("«")
    assert said.startswith(f"«Line {fault.line}: " if fault.line else "«")


@pytest.mark.parametrize("source", UNFIT)
def test_no_fault_of_a_rendering_is_left_in_english(source: str) -> None:
    with marked(), pytest.raises(RenderingFailed) as raised:
        compile_template(Source("Hello", source)).render({"order": {"name": "x"}})

    assert raised.value.fault.reason.startswith("«")


def test_what_jinja_says_and_nobody_knows_stays_as_it_is() -> None:
    with marked(), pytest.raises(InvalidTemplate) as raised:
        compile_template(Source("Hello", "{{ '\\x' }}"))

    assert raised.value.faults[0].reason == "truncated \\xXX escape"
