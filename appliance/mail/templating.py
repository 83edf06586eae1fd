"""Templates: compiled once, rendered for each message, whoever wrote them. Nothing here knows the database.

Bounded are: the tags of a template and how deeply they are nested (when it is compiled), the work and the values of a
rendering (`template_budget`), what it may contain at all (`template_grammar`), and the size of what comes out.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError

from appliance.errors import ApplianceError
from appliance.language import gettext, in_this_language
from appliance.mail import template_words
from appliance.mail.html_text import text_from_html
from appliance.mail.inlining import CannotInline, inlined
from appliance.mail.template_budget import Budget, BudgetContext, TooMuchWork
from appliance.mail.template_sandbox import Sandbox

MOST_CHARACTERS = 1_000_000
LARGE = 8 * 1024  # characters of HTML; less is finished in some milliseconds

RunNative = Callable[[Callable[[], Any]], Any]

_SANDBOXES = {"subject": Sandbox(autoescape=False), "html": Sandbox(autoescape=True), "text": Sandbox(autoescape=False)}
_COMPILER_TROUBLES = (TemplateError, RecursionError, SyntaxError, ValueError, OverflowError, MemoryError)
_RENDERING_TROUBLES = (
    *(TemplateError, TooMuchWork, RecursionError),
    *(ArithmeticError, LookupError, TypeError, ValueError, AttributeError),
)


def _directly(work: Callable[[], Any]) -> Any:
    return work()


@dataclass(frozen=True, slots=True)
class Source:
    """What a template is made of. At least one of `html` and `text` is there."""

    subject: str
    html: str | None = None
    text: str | None = None

    def parts(self) -> dict[str, str]:
        found = {"subject": self.subject, "html": self.html, "text": self.text}
        return {name: source for name, source in found.items() if source is not None}


@dataclass(frozen=True, slots=True)
class Fault:
    """`part` is subject, html or text; `line` counts from 1."""

    part: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        return gettext("Line %(line)s: %(reason)s", line=self.line, reason=self.reason) if self.line else self.reason


class InvalidTemplate(ApplianceError):
    """What is not right in each part."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.part}: {fault}" for fault in self.faults))


class RenderingFailed(ApplianceError):
    """The template is right, but not with these values."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(f"{fault.part}: {fault}")


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    html: str | None
    text: str


class CompiledTemplate:
    """Keeps no state between renderings."""

    def __init__(self, parts: Mapping[str, Template]) -> None:
        self._parts = parts

    def render(
        self, values: Mapping[str, Any], most_characters: int = MOST_CHARACTERS, *, run_native: RunNative = _directly
    ) -> Rendered:
        """The subject in one line, styles moved to their elements, the text derived if the template has none.

        `run_native` keeps off the event loop what is done to the HTML as a whole, where that takes long.

        Raises:
            RenderingFailed: a name is not there, a value does not fit, or it is too much.
        """
        budget = Budget()
        made = {part: _render(part, self._parts[part], values, budget, most_characters) for part in self._parts}
        subject = " ".join(made["subject"].split())
        html, text = made.get("html"), made.get("text")
        if html is None:
            return Rendered(subject, None, text or "")
        run = run_native if len(html) >= LARGE else _directly
        return Rendered(subject, *run(in_this_language(partial(_finished, html, text))))


def compile_template(source: Source) -> CompiledTemplate:
    """Raises InvalidTemplate with the first fault of each part."""
    faults: list[Fault] = []
    compiled: dict[str, Template] = {}
    for part, text in source.parts().items():
        try:
            compiled[part] = _SANDBOXES[part].compiled(text)
        except _COMPILER_TROUBLES as error:
            faults.append(_compiler_fault(part, error))
    if faults:
        raise InvalidTemplate(faults)
    return CompiledTemplate(compiled)


def names_used(source: Source) -> dict[str, set[str]]:
    """The variables that each part asks for. `source` must compile."""
    return {part: _SANDBOXES[part].names_used(text) for part, text in source.parts().items()}


def _compiler_fault(part: str, error: BaseException) -> Fault:
    if isinstance(error, TemplateSyntaxError):
        return Fault(part, template_words.say(error.message or ""), error.lineno)
    if isinstance(error, RecursionError | SyntaxError | MemoryError):
        return Fault(part, gettext("things are nested too deeply"))
    return Fault(part, gettext("this cannot be read: %(reason)s", reason=error))


def _finished(html: str, text: str | None) -> tuple[str, str]:
    try:
        html = inlined(html)
    except CannotInline as error:
        raise RenderingFailed(Fault("html", str(error))) from error
    return html, text_from_html(html) if text is None else text


def _render(part: str, template: Template, values: Mapping[str, Any], budget: Budget, most: int) -> str:
    try:
        return "".join(_pieces(template, values, budget, most))
    except _RENDERING_TROUBLES as error:
        raise RenderingFailed(Fault(part, _reason(error), _line(template, error))) from error


def _pieces(template: Template, values: Mapping[str, Any], budget: Budget, most: int) -> Iterable[str]:
    context = template.new_context(dict(values))
    assert isinstance(context, BudgetContext)
    context.budget = budget
    left = most
    for piece in template.root_render_func(context):
        left -= len(piece)
        if left < 0:
            raise TooMuchWork(gettext("it makes more than %(most)s characters", most=most))
        yield piece


def _reason(error: BaseException) -> str:
    if isinstance(error, ZeroDivisionError):
        return gettext("something is divided by zero")
    return str(error) or type(error).__name__


def _line(template: Template, error: BaseException) -> int | None:
    """Where in the template: the innermost frame that runs its code."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if frame.f_globals.get("__jinja_template__") is template or frame.f_code.co_filename == "<template>":
            return template.get_corresponding_lineno(line)
    return None
