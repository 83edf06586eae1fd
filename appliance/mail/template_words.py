"""What Jinja says of a template that it cannot read, in the language spoken now: its sentences are known by wording."""

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
    return JINJA.said(fault) or fault or gettext("this cannot be read")
