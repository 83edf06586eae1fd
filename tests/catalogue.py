"""Keeps the translations in step with the pages: `.venv/bin/python -m tests.catalogue` after a text has changed.

Reads every sentence out of the templates and the code, adds the new ones to each catalogue without a translation, drops
those that nobody says any more, and compiles. How many are left to do for a translator is printed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from appliance.config.settings import SECTIONS
from appliance.web.api.error_codes import ERROR_CODES, FIELD_CODES
from tests.functional.processes import CHECKOUT

DIRECTORY = CHECKOUT / "appliance" / "web" / "admin" / "translations"
LANGUAGES = ("zh",)
SOURCES = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
OPTIONS = {
    "**/templates/**.html": {"silent": "false", "newstyle_gettext": "true"},
    "**/templates/**.txt": {"silent": "false", "newstyle_gettext": "true"},
}
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "kept": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
}
WIDTH = 120
UNDATED = datetime(2026, 1, 1, tzinfo=UTC)  # or each reading would be a minute younger than what was compiled
HEADER = "# What the pages say. `python -m tests.catalogue` adds what is new and drops what nobody says any more."


def main() -> None:
    said = sentences()
    for language in LANGUAGES:
        catalog = read(language)
        bring_up_to_date(catalog, said)
        po_path(language).parent.mkdir(parents=True, exist_ok=True)
        po_path(language).write_bytes(as_po(catalog))
        mo_path(language).write_bytes(as_mo(catalog))
        left = untranslated(catalog)
        print(f"{language}: {len(catalog)} sentences, {len(left)} of them without a translation")


def sentences() -> Catalog:
    """Everything that is said somewhere, with where."""
    said = Catalog(creation_date=UNDATED)
    package = CHECKOUT / "appliance"
    for name, line, text, comments, context in extract_from_dir(
        package, method_map=SOURCES, options_map=OPTIONS, keywords=KEYWORDS
    ):
        del line, comments  # lines change with every edit; files tell a translator enough
        said.add(text, locations=[(f"appliance/{name}", 0)], context=context)
    for text, module in declared():
        said.add(text, locations=[(f"{module.replace('.', '/')}.py", 0)])
    return said


def declared() -> Iterator[tuple[str, str]]:
    """Texts that are declared beside what they tell of, and looked up where a page shows them; each with its module."""
    for section in SECTIONS.values():
        for field in section.model_fields.values():
            if field.description:
                yield field.description, section.__module__
    for error in ERROR_CODES.values():
        yield from ((text, type(error).__module__) for text in (error.title, error.cause, error.remedy))
    yield from ((text, "appliance.web.api.error_codes") for text in FIELD_CODES.values())


def read(language: str) -> Catalog:
    path = po_path(language)
    with path.open("rb") if path.exists() else BytesIO() as file:
        catalog = read_po(file, locale=language)
    catalog.header_comment = HEADER
    catalog.project, catalog.version, catalog.msgid_bugs_address = "Postroom", "", ""
    catalog.creation_date = catalog.revision_date = UNDATED
    catalog.fuzzy = False
    return catalog


def bring_up_to_date(catalog: Catalog, said: Catalog) -> None:
    catalog.update(said, no_fuzzy_matching=True)
    catalog.obsolete.clear()


def untranslated(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id and not is_translated(message)]


def is_translated(message: Message) -> bool:
    strings = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return not message.fuzzy and all(strings)


def as_po(catalog: Catalog) -> bytes:
    """The same for the same sentences: no dates, no line numbers."""
    file = BytesIO()
    write_po(
        file, catalog, width=WIDTH, omit_header=False, sort_by_file=True, include_lineno=False, ignore_obsolete=True
    )
    dated = (b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By', b'"Last-Translator', b'"Language-Team')
    return b"\n".join(line for line in file.getvalue().split(b"\n") if not line.startswith(dated))


def as_mo(catalog: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def po_path(language: str) -> Path:
    return DIRECTORY / language / "LC_MESSAGES" / "messages.po"


def mo_path(language: str) -> Path:
    return po_path(language).with_suffix(".mo")


if __name__ == "__main__":
    main()
