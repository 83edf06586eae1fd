"""What a template would make that is not saved yet, for its editor: as it is typed, so half of it may be wrong."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from appliance.config.settings import LimitsSettings
from appliance.db.write import RunNative
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext, in_this_language
from appliance.mail.templating import (
    CompiledTemplate,
    InvalidTemplate,
    Rendered,
    RenderingFailed,
    compile_template,
    names_used,
)
from appliance.services.template_form import Source, TemplateForm, faults
from appliance.services.template_variables import Variable, examples_of, values_for

KIBI = 1024


@dataclass(frozen=True, slots=True)
class Draft:
    """`rendered` None: nothing can be made of it; `faults` say why. `undefined`: what it uses without a declaration.

    `unused`: what it declares and uses nowhere, in no language.
    """

    rendered: Rendered | None
    faults: tuple[FieldError, ...]
    undefined: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


class TemplatePreview:
    """`run_native` keeps compiling and finishing off the event loop; rendering itself is bounded, and stands aside."""

    def __init__(self, limits: LimitsSettings, *, run_native: RunNative) -> None:
        self._limits = limits
        self._run_native = run_native

    def of(self, form: TemplateForm, locale: str | None = None) -> Draft:
        """With the examples of its variables; an undefined one stands there by its name. Stores nothing."""
        look = partial(faults, form, "", self._limits, all_declared=False)
        wrong = tuple(self._run_native(in_this_language(look)))
        source = form.locales.get(locale or "", form.source())
        used = self._run_native(partial(_names_used, form))
        declared = {variable.name for variable in form.variables}
        undefined, unused = tuple(sorted(used - declared)), tuple(sorted(declared - used))
        try:
            compiled = self._run_native(partial(_compiled, source, wrong))
            return Draft(self._render(compiled, form.variables, undefined), wrong, undefined, unused)
        except InvalidInput as error:
            return Draft(None, (*wrong, *error.errors), undefined, unused)

    def _render(
        self, compiled: CompiledTemplate | None, variables: tuple[Variable, ...], undefined: tuple[str, ...]
    ) -> Rendered | None:
        if compiled is None:
            return None
        stand_ins = tuple(Variable(name, example=f"⟨{name}⟩") for name in undefined)
        known = (*(replace(one, example=_fitting(one)) for one in variables), *stand_ins)
        values = values_for(known, examples_of(known), self._limits.template_variables_kb * KIBI)
        try:
            return compiled.render(values, self._limits.rendered_kb * KIBI, run_native=self._run_native)
        except RenderingFailed as error:
            message = gettext("It cannot be rendered with the examples: %(fault)s.", fault=error.fault)
            raise InvalidInput([FieldError(error.fault.part, message)]) from error


def _compiled(source: Source, wrong: tuple[FieldError, ...]) -> CompiledTemplate | None:
    """None: a part of it is wrong, or there is too much of it."""
    parts = {error.field.rpartition(".")[2] for error in wrong}
    return None if parts & {"subject", "html", "text"} else compile_template(source)


def _names_used(form: TemplateForm) -> set[str]:
    """By those parts that can be read."""
    used: set[str] = set()
    for source in (form.source(), *form.locales.values()):
        for part, text in source.parts().items():
            used |= _names_in(part, text)
    return used


def _names_in(part: str, text: str) -> set[str]:
    source = Source(text) if part == "subject" else Source("", **{part: text})
    try:
        compile_template(source)
    except InvalidTemplate:
        return set()
    return set().union(*names_used(source).values())


def _fitting(variable: Variable) -> Any:
    """Its example, unless that is of another type: the form says that beside it."""
    try:
        values_for([variable], examples_of([variable]), KIBI * KIBI)
    except InvalidInput:
        return None
    return variable.example
