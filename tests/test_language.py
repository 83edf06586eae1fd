"""A sentence is looked up when it is said, and is English where nobody said otherwise."""

import ast
from gettext import NullTranslations
from pathlib import Path
from threading import Thread

from appliance import language


class Shouting(NullTranslations):
    def gettext(self, message: str) -> str:
        return message.upper().replace("%(NAME)S", "%(name)s").replace("%(NUM)S", "%(num)s")

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


def test_english_unless_somebody_speaks_otherwise() -> None:
    assert language.gettext("It waits.") == "It waits."
    language.speak(Shouting())
    try:
        assert language.gettext("It waits for %(name)s.", name="ann") == "IT WAITS FOR ann."
        assert language.ngettext("%(num)s mail", "%(num)s mails", 2) == "2 MAILS"
    finally:
        language.be_plain()
    assert language.ngettext("%(num)s mail", "%(num)s mails", 1) == "1 mail"


def test_a_per_cent_sign_is_left_alone_where_there_are_no_facts() -> None:
    assert language.gettext("100 % sent") == "100 % sent"


def test_who_speaks_does_so_for_nobody_else() -> None:
    heard: list[str] = []
    language.speak(Shouting())
    try:
        other = Thread(target=lambda: heard.append(language.gettext("quiet")))
        other.start()
        other.join()
    finally:
        language.be_plain()
    assert heard == ["quiet"]


def test_a_native_thread_speaks_as_whoever_sent_it_there_and_plainly_afterwards() -> None:
    heard: list[str] = []
    language.speak(Shouting())
    try:
        work = language.in_this_language(lambda: heard.append(language.gettext("quiet")))
    finally:
        language.be_plain()

    def there() -> None:
        work()
        heard.append(language.gettext("quiet"))

    other = Thread(target=there)
    other.start()
    other.join()
    assert heard == ["QUIET", "quiet"]


def test_no_sentence_is_asked_for_inside_an_f_string_where_the_catalogues_would_miss_it() -> None:
    asking = {"gettext", "ngettext", "lazy_gettext", "kept", "_"}
    found = [
        f"{path}:{inner.lineno}"
        for path in sorted(Path("appliance").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in asking and inner.args
    ]
    assert found == []
