"""Subjects as the search compares them: without regard to case, and so that any part of any language can be found.

The index knows texts by their trigrams. Three letters are a part of a word, but one or two characters are a whole word
in Chinese, Japanese and Korean, so such a run is spread: `发票` becomes `·发·票·`, whose middle trigram is the word
itself, and in which each character has a trigram of its own. A part of a subject stays a part of its spread form.
"""

import re

SPREADER = "\x01"  # no subject has control characters

_RUNS = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+")
_MOST_TRIGRAMS = 16  # more would hardly leave out more


def searchable(subject: str) -> str:
    folded = subject.casefold().replace(SPREADER, "")
    return folded if folded.isascii() else _RUNS.sub(_spread, folded)


def matching(part: str) -> str | None:
    """The FTS5 query for texts that may contain `part`, itself `searchable`; None: it is too short for the index."""
    if len(part) < 3:
        return None
    step = 1 if SPREADER in part else 3  # what joins two characters stands in a trigram of its own
    starts = sorted({*range(0, len(part) - 2, step), len(part) - 3})
    trigrams = dict.fromkeys(part[start : start + 3] for start in starts)
    return " AND ".join('"' + one.replace('"', '""') + '"' for one in list(trigrams)[:_MOST_TRIGRAMS])


def _spread(run: re.Match[str]) -> str:
    return SPREADER + SPREADER.join(run[0]) + SPREADER
