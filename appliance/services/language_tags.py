"""Language tags (RFC 5646): which languages can be asked for, and which others will do instead."""

import re
from collections.abc import Iterator

from appliance.language import gettext

LONGEST = 64  # RFC 5646 section 4.4.1 wants room for 35

# A language of more than three letters is well-formed, but there is none: who writes `german` means `de`.
_TAG = re.compile(
    r"""
    [a-z]{2,3} (?:-[a-z]{3}){0,3}
    (?:-[a-z]{4})?
    (?:-(?:[a-z]{2}|[0-9]{3}))?
    (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*
    (?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*
    (?:-x(?:-[a-z0-9]{1,8})+)?
    | [ix](?:-[a-z0-9]{1,8})+
    | en-gb-oed | sgn-be-fr | sgn-be-nl | sgn-ch-de
    """,
    re.ASCII | re.VERBOSE,
)


def canonical(text: str) -> str:
    """`DE_at_1996` -> `de-AT-1996`. Raises ValueError when it is no language tag."""
    tag = text.strip(" ").replace("_", "-").lower()
    if len(tag) > LONGEST or not _TAG.fullmatch(tag):
        raise ValueError(gettext("give a language such as zh, zh-CN or zh-Hans-CN"))
    return "-".join(_cased(tag.split("-")))


def fallbacks(tag: str) -> Iterator[str]:
    """`zh-Hans-CN`, `zh-Hans`, `zh`: RFC 4647 section 3.4. A single letter only begins what comes after it."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
        if tag[-2:-1] in ("-", ""):
            tag = tag[:-2]


def _cased(subtags: list[str]) -> Iterator[str]:
    for before, subtag in zip(["x", *subtags], subtags, strict=False):
        if len(before) == 1:
            yield subtag
        else:
            yield {2: subtag.upper(), 4: subtag.title()}.get(len(subtag), subtag)
