"""Moves the rules of `<style>` to the elements that they are about, because many mail programs read nothing else.

The inliner holds the interpreter while it works, and it overflows the stack of the process on elements that are nested
tens of thousands deep. So what it is given is bounded here, by counts that no markup can cheat.
"""

import re
from collections.abc import Iterator

import css_inline

from appliance.language import gettext

MOST_ELEMENTS = 4000
MOST_DECLARATIONS = 1500
MOST_WORK = 150_000  # elements times declarations: below 0.3 s when every rule meets every element
MOST_COMPARISONS = 5_000_000  # elements times selectors, each of which is compared with each element
MOST_LOOKS_BACK = 20_000_000  # a selector such as `h1 ~ p` is compared with all that stands before each element
MOST_COPIES = 100_000

_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_STYLE_ENDS = re.compile(r"</style", re.IGNORECASE)
_OPENING = re.compile(r"<[a-z]", re.IGNORECASE)
_FORMATTING = re.compile(r"<(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)\b", re.IGNORECASE)
_ATTRIBUTES = r"(?:\s++[\w:-]++(?:=(?:\"[^\"<>]*+\"|'[^'<>]*+'))?+)*+\s*+"
_CLOSED = re.compile(rf"<([a-z]++){_ATTRIBUTES}>[^<]*+</\1\s*+>|<(?:img|br){_ATTRIBUTES}/?+>", re.IGNORECASE)
_PEELINGS = 6

_inliner = css_inline.CSSInliner(
    load_remote_stylesheets=False,  # neither files of this machine nor servers that a template names
    keep_link_tags=True,
    keep_at_rules=True,  # media queries stay where they are: they cannot be moved
)


class CannotInline(ValueError):
    """The styles cannot be moved to the elements; says why."""


def inlined(markup: str) -> str:
    """`markup` as a whole page; as it is if it has no `<style>`. Raises CannotInline."""
    styles = list(_styles(markup))
    if not styles:
        return markup
    _check(markup, "".join(styles))
    try:
        return _inliner.inline(markup)
    except css_inline.InlineError as error:
        raise CannotInline(gettext("its styles are not right: %(reason)s", reason=error)) from error


def _styles(markup: str) -> Iterator[str]:
    """Goes over it once, whatever is left open in it."""
    place = 0
    while opening := _STYLE.search(markup, place):
        start = markup.find(">", opening.end()) + 1
        if not start:
            return
        ending = _STYLE_ENDS.search(markup, start)
        place = ending.end() if ending else len(markup)
        yield markup[start:place]


def _check(markup: str, styles: str) -> None:
    elements = len(_OPENING.findall(markup))
    declarations = styles.count(":")
    if elements > MOST_ELEMENTS:
        raise CannotInline(
            gettext(
                "it has %(count)s elements; <style> works with %(most)s. Write style attributes instead",
                count=elements,
                most=MOST_ELEMENTS,
            )
        )
    if declarations > MOST_DECLARATIONS or elements * declarations > MOST_WORK or _too_selective(elements, styles):
        raise CannotInline(
            gettext(
                "its styles are too long for %(count)s elements. Leave out rules that are not needed", count=elements
            )
        )
    if elements * _left_open(markup) > MOST_COPIES:
        raise CannotInline(gettext("it has many elements such as <b> and <a> that are not closed. Close them"))


def _too_selective(elements: int, styles: str) -> bool:
    selectors = styles.count(",") + styles.count("{")
    return elements * selectors > MOST_COMPARISONS or elements**2 * styles.count("~") > MOST_LOOKS_BACK


def _left_open(markup: str) -> int:
    """At most so many formatting elements are open at once. A parser opens them again in each paragraph that follows.

    Only pairs that are read in the same way wherever they stand are taken for closed.
    """
    for _ in range(_PEELINGS):
        peeled = _CLOSED.sub("", markup)
        if peeled == markup:
            break
        markup = peeled
    return len(_FORMATTING.findall(markup))
