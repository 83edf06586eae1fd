"""Every sentence of the pages is there in every language, and says the same facts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from tests import catalogue

FACT = re.compile(r"%\((\w+)\)[sd]|%%|\{(\w+)\}")
MARKUP = re.compile(r"</?\w+|href=\"%\(\w+\)s\"")
TEMPLATES = Path("appliance/web/admin/templates")
WORDS_OUTSIDE = re.compile(r">\s*([A-Z][a-z]+(?: [a-z]+)+[.:]?)\s*<")
"""What looks like an English sentence between two tags, and is not asked for by `_`."""
TERMS = {
    "sender account": "发信账号",
    "recipient": "收件人",
    "suppression": "屏蔽",
    "template": "模板",
    "attachment": "附件",
    "delivery attempt": "投递尝试",
    "outbox": "发件队列",
    "dispatcher": "分派器",
    "worker": "worker",
    "scheduler": "调度器",
    "component": "组件",
    "task": "任务",
    "job": "作业",
    "backup": "备份",
    "webhook": "webhook|推送",
    "endpoint": "端点",
    "daily limit": "每日上限",
    "second factor": "两步验证",
    "recovery code": "恢复码",
}
"""One word of the program is one word of Chinese."""
NOT_TERMS = re.compile(r"^'.*'$|%\(\w+\)[sd]|\[\w+\] \w+|/\S+|<[^>]+>|\{\w+\}|\w+_\w+")
UNUSED = ("帐号", "账户", "收件者", "黑名单", "登陆", "其它", "撤消", "缺省", "阀值")
"""Other spellings and words of what has one already."""


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


def test_each_term_has_one_translation() -> None:
    found = [
        (original, said)
        for original, said in _pairs("zh")
        for term, wanted in TERMS.items()
        if re.search(rf"\b{term}s?\b", NOT_TERMS.sub("", original), re.I) and not re.search(wanted, said, re.I)
    ]
    assert found == []


def test_no_other_word_is_used_for_it() -> None:
    assert [said for _, said in _pairs("zh") if any(word in said for word in UNUSED)] == []


def _pairs(language: str) -> Iterator[tuple[str, str]]:
    """What is said in English, and in that language."""
    for message in catalogue.read(language):
        if message.id and catalogue.is_translated(message):
            plain = isinstance(message.id, str)
            yield (message.id, message.string) if plain else (message.id[-1], message.string[-1])


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
