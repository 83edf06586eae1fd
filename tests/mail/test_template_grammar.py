import pytest
from jinja2 import Environment, TemplateSyntaxError, nodes

from appliance.mail.template_grammar import COMPARE, CONCAT, LOOP, SLICE, checked


def tree(source: str) -> nodes.Template:
    return checked(Environment(autoescape=True).parse(source))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{% for x in xs %}{% endfor %}", LOOP),
        ("{{ a == b }}", COMPARE),
        ("{{ a in b }}", COMPARE),
        ("{{ a ~ b }}", CONCAT),
        ("{{ a[1:2] }}", SLICE),
    ],
)
def test_what_costs_by_its_values_is_made_to_pay(source: str, name: str) -> None:
    assert [one.name for one in tree(source).find_all(nodes.Filter)] == [name]
    assert not list(tree(source).find_all((nodes.Concat, nodes.Compare, nodes.Slice)))


def test_round_of_a_loop_weighs_what_is_in_it() -> None:
    def weight(source: str) -> int:
        [loop] = [one for one in tree(source).find_all(nodes.Filter) if one.name == LOOP]
        assert isinstance(loop.args[0], nodes.Const)
        return int(loop.args[0].value)

    empty = weight("{% for x in xs %}{% endfor %}")
    text = weight("{% for x in xs %}" + "a" * 1600 + "{% endfor %}")
    tested = weight("{% for x in xs if x and y %}{% endfor %}")

    assert empty < tested < text
    assert text >= empty + 100


@pytest.mark.parametrize("name", ["loop!", "compare!"])
def test_our_own_names_cannot_be_written(name: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        tree(f"{{{{ x | {name} }}}}")


def test_error_names_the_line() -> None:
    with pytest.raises(TemplateSyntaxError) as raised:
        tree("\n\n{% include 'x' %}")

    assert (raised.value.lineno, raised.value.message) == (3, "there is no include in these templates")
