"""What a person says of a template, and what is wrong with it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from appliance.config.settings import LimitsSettings
from appliance.db.models import TemplateVersion
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.mail.templating import InvalidTemplate, Source, compile_template, names_used
from appliance.services import intake, template_variables
from appliance.services.template_variables import Variable

__all__ = [
    "LONGEST_NAME",
    "LONGEST_REASON",
    "LONGEST_SLUG",
    "MOST_LOCALES",
    "Source",
    "TemplateForm",
    "canonical_locale",
    "check",
    "check_slug",
    "content_of",
    "faults",
    "form_of",
]

LONGEST_SLUG = 100
LONGEST_NAME = 200
LONGEST_REASON = 500
MOST_LOCALES = 50
KIBI = 1024

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class TemplateForm:
    """`locales`: the same in other languages, by language tag (RFC 5646) such as zh or zh-CN."""

    name: str
    subject: str
    html: str | None = None
    text: str | None = None
    variables: tuple[Variable, ...] = ()
    locales: Mapping[str, Source] = field(default_factory=dict)

    def source(self) -> Source:
        return Source(self.subject, self.html, self.text)

    def content(self) -> dict[str, Any]:
        """What a version keeps: all but the name."""
        return {
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "variables": [asdict(one) | {"type": str(one.type)} for one in self.variables],
            "locales": {locale: asdict(source) for locale, source in sorted(self.locales.items())},
        }


def content_of(version: TemplateVersion) -> dict[str, Any]:
    return {name: getattr(version, name) for name in ("subject", "html", "text", "variables", "locales")}


def form_of(name: str, version: TemplateVersion) -> TemplateForm:
    locales = {locale: Source(**parts) for locale, parts in version.locales.items()}  # type: ignore[arg-type]
    variables = tuple(Variable(**one) for one in version.variables)
    return TemplateForm(name, version.subject, version.html, version.text, variables, locales)


def canonical_locale(text: str) -> str:
    """`ZH_cn` -> `zh-CN`. Raises ValueError."""
    language, *others = text.strip().replace("_", "-").split("-")
    made = "-".join([language.lower(), *(one.title() if len(one) == 4 else one.upper() for one in others)])
    if not _LOCALE.match(made):
        raise ValueError(gettext("give a language such as zh, zh-CN or zh-Hans-CN"))
    return made


def check_slug(slug: str) -> None:
    """Raises InvalidInput."""
    if errors := list(_slug_errors(slug)):
        raise InvalidInput(errors)


def check(form: TemplateForm, reason: str, limits: LimitsSettings, *, slug: str | None = None) -> None:
    """Compiles every part, which may take a second. Raises InvalidInput with every wrong field."""
    if errors := faults(form, reason, limits, slug=slug):
        raise InvalidInput(errors)


def faults(
    form: TemplateForm, reason: str, limits: LimitsSettings, *, slug: str | None = None, all_declared: bool = True
) -> list[FieldError]:
    """Every wrong field. `all_declared` False: `form` may lack declarations, so none is missed in what it says."""
    errors = [*_slug_errors(slug)] if slug is not None else []
    errors += [*_name_errors(form, reason), *template_variables.check(form.variables)]
    too_large = list(_size_errors(form, limits))
    declared = {variable.name for variable in form.variables} if all_declared else None
    return [*errors, *too_large, *_source_errors(form, declared, compiled=not too_large)]


def _slug_errors(slug: str) -> Iterator[FieldError]:
    if not _SLUG.match(slug) or len(slug) > LONGEST_SLUG:
        remedy = gettext(
            "Use lower-case letters and digits with single dashes between, %(most)s characters at most.",
            most=LONGEST_SLUG,
        )
        yield FieldError("slug", remedy)


def _name_errors(form: TemplateForm, reason: str) -> Iterator[FieldError]:
    if not 0 < len(form.name.strip()) <= LONGEST_NAME or not form.name.isprintable():
        yield FieldError("name", gettext("Give a name of 1 to %(most)s printable characters.", most=LONGEST_NAME))
    if len(reason) > LONGEST_REASON:
        yield FieldError("reason", gettext("It may have %(most)s characters.", most=LONGEST_REASON))


def _size_errors(form: TemplateForm, limits: LimitsSettings) -> Iterator[FieldError]:
    if len(form.locales) > MOST_LOCALES:
        yield FieldError("locales", gettext("There may be %(most)s.", most=MOST_LOCALES), "too_large")
    sources = (form.source(), *form.locales.values())
    size = sum(len(text) for source in sources for text in source.parts().values())
    if size > limits.template_kb * KIBI:
        remedy = gettext(
            "All its parts have %(size)s characters; the limit is %(most)s ([limits] template_kb).",
            size=size,
            most=limits.template_kb * KIBI,
        )
        yield FieldError("html" if form.html else "text", remedy, "too_large")


def _source_errors(form: TemplateForm, declared: Set[str] | None, *, compiled: bool) -> Iterator[FieldError]:
    yield from _errors_of(form.source(), "", declared, compiled)
    for locale, source in list(form.locales.items())[:MOST_LOCALES]:
        try:
            wrong = (
                ""
                if canonical_locale(locale) == locale
                else gettext("write it %(locale)s", locale=canonical_locale(locale))
            )
        except ValueError as error:
            wrong = str(error)
        if wrong:
            yield FieldError(f"locales.{locale[:20]}", template_variables.sentence(wrong))
        yield from _errors_of(source, f"locales.{locale[:20]}.", declared, compiled)


def _errors_of(source: Source, prefix: str, declared: Set[str] | None, compiled: bool) -> Iterator[FieldError]:
    """A part that is wrong in one way is looked at no further; the others are."""
    wrong = list(_text_errors(source))
    if compiled:
        wrong += _compiler_errors(_without(source, wrong))
        wrong += _undeclared_errors(_without(source, wrong), declared) if declared is not None else ()
    yield from (replace(error, field=f"{prefix}{error.field}") for error in wrong)


def _without(source: Source, wrong: Iterable[FieldError]) -> Source:
    parts = {error.field for error in wrong}
    return Source(
        "" if "subject" in parts else source.subject,
        None if "html" in parts else source.html,
        None if "text" in parts else source.text,
    )


def _compiler_errors(source: Source) -> list[FieldError]:
    try:
        compile_template(source)
    except InvalidTemplate as error:
        return [FieldError(one.part, template_variables.sentence(str(one))) for one in error.faults]
    return []


def _undeclared_errors(source: Source, declared: Set[str]) -> list[FieldError]:
    return [
        FieldError(part, gettext("It uses the variable %(name)s, which is not declared.", name=repr(name)))
        for part, names in names_used(source).items()
        for name in sorted(names - declared)
    ]


def _text_errors(source: Source) -> Iterator[FieldError]:
    if source.html is None and source.text is None:
        yield FieldError("html", gettext("Give 'html', 'text' or both."), "required")
    if not source.subject.strip():
        yield FieldError("subject", gettext("Give a subject."), "required")
    if "\n" in source.subject or "\r" in source.subject:
        yield FieldError("subject", gettext("It is one line."))
    for part, text in source.parts().items():
        try:
            intake.plain_text(text)
        except ValueError as error:
            yield FieldError(part, gettext("It %(fault)s.", fault=error))
