"""From a template and variables to what a message says. Done when it is submitted: a later change alters no message."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import TemplateVersion
from appliance.db.queries import templates
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.language import gettext, in_this_language
from appliance.mail.templating import CompiledTemplate, Rendered, RenderingFailed, Source, compile_template
from appliance.services import intake, language_tags
from appliance.services.submit_message import SubmitMessage, TemplateUsed
from appliance.services.template_variables import Variable, examples_of, sentence, values_for

RunNative = Callable[[Callable[[], Any]], Any]
MOST_CACHED = 200
KIBI = 1024


@dataclass(frozen=True, slots=True)
class Preview:
    rendered: Rendered
    version: int
    locale: str | None
    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChosenVersion:
    """A template as it stands at one moment; many messages made from it are then made from the same."""

    template_id: str
    number: int


@dataclass(frozen=True, slots=True)
class _Ready:
    """A version as it is used: it never changes, so it is read and compiled once."""

    variables: tuple[Variable, ...]
    compiled: CompiledTemplate
    locale: str | None


class TemplateRendering:
    """`run_native` keeps compiling and finishing off the event loop; rendering itself is bounded, and stands aside."""

    def __init__(self, database: Database, limits: LimitsSettings, *, run_native: RunNative) -> None:
        self._database = database
        self._limits = limits
        self._run_native = run_native
        self._cache: OrderedDict[tuple[str, int, str | None], _Ready] = OrderedDict()

    def chosen(self, slug: str) -> ChosenVersion:
        """The present version. Raises InvalidInput, naming `template`."""
        found = self._present(slug)
        if found is None:
            remedy = gettext("There is no template %(slug)s. GET /api/v1/templates lists them.", slug=repr(slug))
            raise InvalidInput([FieldError("template", remedy, "not_found")])
        return found

    def fill(self, command: SubmitMessage, version: ChosenVersion | None = None) -> SubmitMessage:
        """`command` with the content that its template makes; as it is if it names none.

        `version`: what was chosen for many messages; without it, the present one.

        Raises:
            InvalidInput: names `template`, `locale`, or `variables.NAME`.
        """
        wanted = command.template
        if wanted is None:
            return command
        locale = _canonical(wanted.locale)
        version = version or self.chosen(wanted.slug)
        ready = self._ready(version.template_id, version.number, locale)
        made = self._render(ready, wanted.variables)
        used = TemplateUsed(version.template_id, version.number, ready.locale)
        filled = replace(command, subject=made.subject, html=made.html, text=made.text, used=used)
        intake.within_limits(filled, self._limits)
        return filled

    def preview(
        self,
        slug: str,
        variables: Mapping[str, Any] | None = None,
        locale: str | None = None,
        number: int | None = None,
    ) -> Preview:
        """With the examples where `variables` is None. `number`: another version than the present one.

        Raises:
            NotFound: there is no such template or version.
            InvalidInput: as `fill`.
        """
        found = self._present(slug)
        if found is None:
            raise NotFound("template", slug)
        number = number or found.number
        ready = self._ready(found.template_id, number, _canonical(locale))
        values = examples_of(ready.variables) if variables is None else variables
        return Preview(self._render(ready, values), number, ready.locale, values)

    def _present(self, slug: str) -> ChosenVersion | None:
        with self._database.read() as session:
            template = templates.by_slug(session, slug)
            return None if template is None else ChosenVersion(template.id, template.version)

    def _ready(self, template_id: str, number: int, locale: str | None) -> _Ready:
        key = (template_id, number, locale)
        if key not in self._cache:
            self._cache[key] = self._prepare(template_id, number, locale)
        self._cache.move_to_end(key)
        while len(self._cache) > MOST_CACHED:
            self._cache.popitem(last=False)
        return self._cache[key]

    def _prepare(self, template_id: str, number: int, locale: str | None) -> _Ready:
        with self._database.read() as session:
            version = templates.version(session, template_id, number)
        if version is None:
            raise NotFound("version", str(number))
        found = next((one for one in language_tags.fallbacks(locale or "") if one in version.locales), None)
        if found != locale:
            return self._ready(template_id, number, found)  # so many tags lead to one language
        source = _source(version, found)
        compiled = self._run_native(in_this_language(lambda: compile_template(source)))
        return _Ready(tuple(Variable(**one) for one in version.variables), compiled, found)

    def _render(self, ready: _Ready, variables: Mapping[str, Any]) -> Rendered:
        values = values_for(ready.variables, variables, self._limits.template_variables_kb * KIBI)
        try:
            made = ready.compiled.render(values, self._limits.rendered_kb * KIBI, run_native=self._run_native)
            intake.subject(made.subject)
        except RenderingFailed as error:
            remedy = gettext(
                "It cannot be rendered with these variables. In its %(part)s: %(fault)s.",
                part=error.fault.part,
                fault=error.fault,
            )
            raise InvalidInput([FieldError("template", remedy)]) from error
        except ValueError as error:
            remedy = gettext("The subject that it makes %(fault)s.", fault=error)
            raise InvalidInput([FieldError("template", remedy)]) from error
        return made


def _canonical(locale: str | None) -> str | None:
    try:
        return language_tags.canonical(locale) if locale else None
    except ValueError as error:
        raise InvalidInput([FieldError("locale", sentence(str(error)))]) from error


def _source(version: TemplateVersion, locale: str | None) -> Source:
    if locale is None:
        return Source(version.subject, version.html, version.text)
    return Source(**version.locales[locale])  # type: ignore[arg-type]
