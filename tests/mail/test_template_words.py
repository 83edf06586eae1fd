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


COMMON = {
    "{% if %}x{% endif %}": "{% if … %} needs a condition",
    "{% if a == %}x{% endif %}": "{% if … %} needs a condition",
    "{% for x in %}{% endfor %}": "{% for … in … %} a list",
    "{{ }}": "something is missing before }}",
    "{{ a + }}": "something is missing before }}",
    "{{ first name }}": "'name' does not belong there: a name has no spaces",
    "{% if a = b %}x{% endif %}": "write two of them: {% if a == b %}",
    "{% if a b %}x{% endif %}": "'b' does not belong there: end with %} before it",
    "{% for x of y %}{% endfor %}": "write {% for item in items %}",
    "{{ a | }}": "after | comes the name of a filter",
    "{{ a": "{{ has no end: write }} after it",
    "{% if a": "{% has no end: write %} after it",
    "{{ a }": "a single } does not belong there",
    "{{ “a” }}": "'“' does not belong there",
    "{% if a %}x": "{% if … %} is not closed: write {% endif %} where it ends",
    "{% for x in y %}x": "{% for … %} is not closed: write {% endfor %} where it ends",
    "{% if a %}x{% end %}": "{% end %} does not fit there: {% if … %} is open, and ends with {% endif %}",
    "{% for x in y %}{% endif %}": "{% for … %} is open, and ends with {% endfor %}",
    "{% for x in y %}{% elif a %}{% endfor %}": "{% elif %} does not fit there: {% for … %} is open",
    "{% endif %}": "{% endif %} stands alone",
    "{% iff a %}x{% endif %}": "there is no tag 'iff'; there are: if, elif, ",
    "{% if a %}{% elseif b %}{% endif %}": "there is no tag 'elseif'; there are: if, elif, ",
}


@pytest.mark.parametrize(("source", "remedy"), COMMON.items(), ids=lambda text: text[:30])
def test_of_a_common_mistake_it_is_said_what_to_write_and_in_which_line(source: str, remedy: str) -> None:
    with pytest.raises(InvalidTemplate) as raised:
        compile_template(Source("Hello", f"one\n{source}"))
    [fault] = raised.value.faults

    assert remedy in fault.reason
    assert str(fault).startswith("Line 2: ")


@pytest.mark.parametrize("source", UNFIT)
def test_no_fault_of_a_rendering_is_left_in_english(source: str) -> None:
    with marked(), pytest.raises(RenderingFailed) as raised:
        compile_template(Source("Hello", source)).render({"order": {"name": "x"}})

    assert raised.value.fault.reason.startswith("«")


def test_what_jinja_says_and_nobody_knows_stays_as_it_is() -> None:
    with marked(), pytest.raises(InvalidTemplate) as raised:
        compile_template(Source("Hello", "{{ '\\x' }}"))

    assert raised.value.faults[0].reason == "truncated \\xXX escape"
