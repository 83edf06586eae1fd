"""Every sentence of the pages is there in every language, and says the same facts."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from tests import catalogue

FACT = re.compile(r"%\((\w+)\)[sd]|%%|\{(\w+)\}")
MARKUP = re.compile(r"</?\w+|href=\"%\(\w+\)s\"")
TEMPLATES = Path("appliance/web/admin/templates")
WORDS_OUTSIDE = re.compile(r">\s*([A-Z][a-z]+(?: [a-z]+)+[.:]?)\s*<")
"""What looks like an English sentence between two tags, and is not asked for by `_`."""


@pytest.fixture(scope="module")
def said() -> Catalog:
    return catalogue.sentences()


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_the_catalogue_is_in_step_with_the_pages(said: Catalog, language: str) -> None:
    kept = catalogue.read(language)
    assert {message.id for message in kept} == {message.id for message in said} | {""}, (
        "Run `python -m tests.catalogue`, and translate what it adds."
    )


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    assert [message.id for message in catalogue.untranslated(catalogue.read(language))] == []


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_a_translation_names_the_same_facts_and_markup(language: str) -> None:
    assert [message.id for message in catalogue.read(language) if message.id and not _same_facts(message)] == []


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    assert catalogue.mo_path(language).read_bytes() == catalogue.as_mo(catalogue.read(language)), (
        "Run `python -m tests.catalogue`."
    )


def test_no_template_says_a_sentence_that_nobody_can_translate() -> None:
    found = {
        f"{path.name}: {words}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        for words in WORDS_OUTSIDE.findall(
            re.sub(r"{%-?\s*trans\b.*?endtrans\s*-?%}", "", path.read_text(), flags=re.S)
        )
    }
    assert found == set()


def _same_facts(message: Message) -> bool:
    originals = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    wanted = _facts(originals[-1])
    return all(not string or _facts(string) == wanted for string in strings)


def _facts(text: str) -> tuple[list[str], list[str]]:
    return sorted(match.group() for match in FACT.finditer(text)), sorted(MARKUP.findall(text))
