"""What is wrong with a template that Jinja cannot read, in the language spoken now: its sentences are known by wording.

For the mistakes that people make most it is told what to write; of the others, what Jinja says.
"""

import re
from collections.abc import Callable, Sequence

from appliance.language import gettext
from appliance.sentences import Sentences, kept

_TOKENS = Sentences(
    # as Jinja names them, between quotation marks
    kept("'begin of statement block'"),
    kept("'end of statement block'"),
    kept("'begin of print statement'"),
    kept("'end of print statement'"),
    kept("'end of template'"),
    kept("'template data / text'"),
    kept("'name'"),
    kept("'string'"),
    kept("'integer'"),
    kept("'float'"),
    any_other=True,
)
_FAULT = "%(fault)s%(wanted)s%(unclosed)s"
"""Of a block that is not closed, or closed by the wrong tag: up to three sentences."""

JINJA = Sentences(
    kept("tag name expected"),
    kept("expected call"),
    kept("expected name or number"),
    kept("expected subscript expression"),
    kept("invalid syntax for function call expression"),
    kept("non-default argument follows default argument"),
    kept("Invalid character in identifier"),
    kept(
        "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore "
        "instead."
    ),
    kept("Missing end of comment tag"),
    kept("Missing end of raw directive"),
    kept("You cannot chain multiple tests with is"),
    kept("Can't assign to special loop variable in for-loop target"),
    kept("can't assign to %(kind)s"),
    kept("Expected an expression, got %(token)s"),
    kept("unexpected end of template, expected %(token)s."),
    kept("expected token %(token)s, got %(found)s"),
    kept("unexpected char %(text)s at %(count)s"),
    kept("unexpected %(found)s, expected %(token)s"),
    kept("unexpected %(found)s"),
    _FAULT,
    token=_TOKENS,
    found=_TOKENS,
    fault=Sentences(kept("Unexpected end of template."), kept("Encountered unknown tag %(text)s.")),
    wanted=Sentences(
        kept(" You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for %(tags)s."),
        kept(" Jinja was looking for the following tags: %(tags)s."),
        "",
    ),
    unclosed=Sentences(kept(" The innermost block that needs to be closed is %(text)s."), ""),
)


def say(fault: str) -> str:
    """`fault` is what Jinja or our own grammar says; what is ours was said in the right language already."""
    return _remedy(fault) or JINJA.said(fault) or fault or gettext("this cannot be read")


def _remedy(fault: str) -> str:
    """What to write instead; empty for a mistake that is not among the common ones."""
    return next((tell(*match.groups()) for form, tell in _COMMON if (match := form.fullmatch(fault))), "")


def _nothing_in_tag() -> str:
    return gettext(
        "something is missing before %(end)s: %(condition)s needs a condition, %(loop)s a list, %(set)s a value",
        end="%}",
        condition="{% if … %}",
        loop="{% for … in … %}",
        set="{% set … = … %}",
    )


def _nothing_to_print() -> str:
    return gettext(
        "something is missing before %(end)s: write what is to stand there, as in %(example)s",
        end="}}",
        example="{{ name }}",
    )


def _assigned() -> str:
    return gettext("to compare, write two of them: %(example)s", example="{% if a == b %}")


def _too_much_in_tag(found: str) -> str:
    return gettext(
        "%(found)s does not belong there: end with %(end)s before it, or join the two by a word such as %(word)s",
        found=found,
        end="%}",
        word="and",
    )


def _too_much_to_print(found: str) -> str:
    return gettext(
        "%(found)s does not belong there: a name has no spaces and no digit in front, and text stands between "
        "quotation marks",
        found=found,
    )


def _no_in() -> str:
    return gettext("a loop names one thing and a list: write %(example)s", example="{% for item in items %}")


def _no_filter() -> str:
    return gettext(
        "after %(sign)s comes the name of a filter, as in %(example)s", sign="|", example="{{ name | upper }}"
    )


def _not_ended(end: str) -> str:
    begin, end = ("{{", "}}") if end == "print statement" else ("{%", "%}")
    return gettext("%(begin)s has no end: write %(end)s after it", begin=begin, end=end)


def _stray_brace() -> str:
    return gettext(
        "a single %(found)s does not belong there: %(print)s and %(tag)s each end as they begin",
        found="}",
        print="{{ … }}",
        tag="{% … %}",
    )


def _stray_character(found: str) -> str:
    return gettext(
        "%(found)s does not belong there: inside the braces are names, numbers, and text between straight quotation "
        "marks",
        found=found,
    )


def _not_closed(tag: str) -> str:
    return gettext("%(begin)s is not closed: write %(end)s where it ends", begin=f"{{% {tag} … %}}", end=_end_of(tag))


def _wrong_end(found: str, tag: str) -> str:
    return gettext(
        "%(found)s does not fit there: %(begin)s is open, and ends with %(end)s",
        found=f"{{% {found} %}}",
        begin=f"{{% {tag} … %}}",
        end=_end_of(tag),
    )


def _nothing_open(found: str) -> str:
    return gettext("%(found)s stands alone: nothing is open that it belongs to", found=f"{{% {found} %}}")


def _unknown_tag(found: str) -> str:
    tags = "if, elif, else, endif, for, endfor, set, endset, with, endwith, raw, endraw"
    return gettext("there is no tag %(found)s; there are: %(tags)s", found=found, tags=tags)


def _end_of(tag: str) -> str:
    return f"{{% end{tag} %}}"


_COMMON: Sequence[tuple[re.Pattern[str], Callable[..., str]]] = tuple(
    (re.compile(form, re.DOTALL), tell)
    for form, tell in (
        (r"(?:Expected an expression, got|unexpected) 'end of statement block'", _nothing_in_tag),
        (r"(?:Expected an expression, got|unexpected) 'end of print statement'", _nothing_to_print),
        (r"expected token 'end of statement block', got '='", _assigned),
        (r"expected token 'end of statement block', got ('.+')", _too_much_in_tag),
        (r"expected token 'end of print statement', got ('.+')", _too_much_to_print),
        (r"expected token 'in', got '.+'", _no_in),
        (r"expected token 'name', got 'end of print statement'", _no_filter),
        (r"unexpected end of template, expected 'end of (print statement|statement block)'\.", _not_ended),
        (r"unexpected '\}'", _stray_brace),
        (r"""unexpected char (['"].+['"]) at \d+""", _stray_character),
        (r"Unexpected end of template\. .*The innermost block that needs to be closed is '(\w+)'\.", _not_closed),
        (r"Encountered unknown tag '(elif|else|end\w*)'\. .*The innermost block .* is '(\w+)'\.", _wrong_end),
        (r"Encountered unknown tag '(elif|else|end\w*)'\.", _nothing_open),
        (r"Encountered unknown tag ('.+?')\..*", _unknown_tag),
    )
)
