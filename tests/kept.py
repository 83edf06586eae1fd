"""Walks a list of kept sentences: each is built with facts, kept, and must be known again as what it is."""

import re
from collections.abc import Iterator

from appliance.sentences import Sentences

FACTS = {
    "host": "smtp.example.com",
    "server": "smtp.example.com:587",
    "address": "shop@example.com",
    "version": "TLSv1.3",
    "seconds": "0.4",
    "number": "12.5",
    "count": "3",
    "most": "1,048,576",
    "size": "2048",
    "free": "12",
    "code": "301",
    "line": "7",
    "reply": "550 5.7.1 no: you're not welcome. Go away",
}
"""Of a fact that is not here, any text."""
FACT = re.compile(r"%\((\w+)\)s")


def walked(sentences: Sentences) -> list[str]:
    """What is not known again, or for something else."""
    return [text for sentence, text in built(sentences) if sentences.recognised(text) != sentence]


def built(sentences: Sentences) -> Iterator[tuple[str, str]]:
    """Each sentence, and what becomes of it with each of the parts that it may have."""
    for sentence in sentences.sentences:
        yield from ((sentence, text) for text in _filled(sentence, sentences))


def _filled(sentence: str, sentences: Sentences) -> list[str]:
    texts = [sentence]
    for name in FACT.findall(sentence):
        part = sentences.parts.get(name)
        facts = [text for _, text in built(part)] if part else []
        if part is None or part.any_other:
            facts.append(FACTS.get(name, f"some {name}"))
        texts = [text.replace(f"%({name})s", fact) for text in texts for fact in facts]
    return texts
