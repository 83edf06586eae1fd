"""The form of a template, with a row for each variable and a block for each language."""

import json
import re
from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, FieldList, FormField, HiddenField, SelectField, StringField, TextAreaField
from wtforms import Form as Part
from wtforms.validators import InputRequired

from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.services.template_form import Source, TemplateForm, canonical_locale
from appliance.services.template_variables import Variable, VariableType
from appliance.web.admin.form import Form, stripped

EMPTY_ROWS = 3
_OF_VARIABLE = re.compile(r"variables\[(\d+)\]\.(\w+)\Z")
_OF_LOCALE = re.compile(r"locales\.([^.]*)(?:\.(\w+))?\Z")


class VariableRow(Part):  # type: ignore[misc]  # wtforms has no types
    name = StringField(_("Name"), filters=[stripped])
    type = SelectField(_("Type"), choices=[str(kind) for kind in VariableType], default="string")
    required = BooleanField(_("Required"), default=True)
    default = StringField(_("Default"))
    example = StringField(_("Example"))
    description = StringField(_("Description"), filters=[stripped])


class LocaleBlock(Part):  # type: ignore[misc]  # wtforms has no types
    locale = StringField(_("Language"), filters=[stripped], description=_("Such as zh, zh-CN or de."))
    subject = StringField(_("Subject"))
    html = TextAreaField(_("HTML"))
    text = TextAreaField(_("Text"))


class TemplatePageForm(Form):
    slug = StringField(
        _("Slug"),
        filters=[stripped],
        description=_("What programs call it: lower-case letters, digits, dashes. It stays."),
    )
    name = StringField(
        _("Name"), [InputRequired(_("Give a name."))], filters=[stripped], description=_("What people call it.")
    )
    subject = StringField(_("Subject"), [InputRequired(_("Give a subject."))])
    html = TextAreaField(_("HTML"), description=_("Rules in <style> are moved to the elements when a message is made."))
    text = TextAreaField(_("Text"), description=_("Empty: derived from the HTML."))
    variables = FieldList(FormField(VariableRow))
    locales = FieldList(FormField(LocaleBlock))
    reason = StringField(
        _("Reason for the change"), filters=[stripped], description=_("It stands in the list of versions.")
    )
    base_version = HiddenField()

    def fill(self, form: TemplateForm, version: int) -> None:
        self.name.data, self.subject.data = form.name, form.subject
        self.html.data, self.text.data, self.base_version.data = form.html, form.text, str(version)
        for variable in form.variables:
            self.variables.append_entry(_row_of(variable))
        for locale, source in form.locales.items():
            parts = {"subject": source.subject, "html": source.html, "text": source.text}
            self.locales.append_entry({"locale": locale, **parts})

    def add_empty_rows(self) -> None:
        """Room for more, counting what a form that comes back has empty; rows that stay empty are left out."""
        empty = len(self.variables) - len(self._variable_rows())
        for _row in range(EMPTY_ROWS - empty):
            self.variables.append_entry()
        if len(self.locales) == len(self._locale_blocks()):
            self.locales.append_entry()

    def template(self) -> TemplateForm:
        """Raises InvalidInput where a default or an example is not of its type."""
        made, errors = self.draft()
        if errors:
            raise InvalidInput(errors)
        return made

    def draft(self) -> tuple[TemplateForm, list[FieldError]]:
        """As far as it has got: what is not of its type is left out, and stands among the errors."""
        errors: list[FieldError] = []
        variables = tuple(_variable(row.data, index, errors) for index, row in enumerate(self._variable_rows()))
        locales = {_locale(block.data["locale"]): _source(block.data) for block in self._locale_blocks()}
        own = _source({"subject": self.subject.data, "html": self.html.data, "text": self.text.data})
        return TemplateForm(self.name.data or "", own.subject, own.html, own.text, variables, locales), errors

    def started_from(self) -> int | None:
        text = self.base_version.data or ""
        return int(text) if re.fullmatch("[0-9]{1,9}", text) else None

    def blame(self, error: InvalidInput) -> None:
        """Also beside the rows and blocks that it is about."""
        others = []
        for one in error.errors:
            field = self._field_of(one.field)
            if field is None:
                others.append(one)
            else:
                field.errors = [*field.errors, one.message]
        super().blame(InvalidInput(others))

    def _field_of(self, path: str) -> Any:
        if match := _OF_VARIABLE.match(path):
            row = self._variable_rows()[int(match[1])]
            return row.form._fields.get(match[2])
        if match := _OF_LOCALE.match(path):
            found = [one for one in self._locale_blocks() if _locale(one.data["locale"])[:20] == match[1]]
            return found[0].form._fields.get(match[2] or "locale") if found else None
        return None

    def _variable_rows(self) -> list[Any]:
        return [row for row in self.variables if any(row.data[name] for name in ("name", "default", "example"))]

    def _locale_blocks(self) -> list[Any]:
        return [one for one in self.locales if any(one.data.values())]


def _row_of(variable: Variable) -> dict[str, Any]:
    typed = {name: text_of(getattr(variable, name), variable.type) for name in ("default", "example")}
    row = {"name": variable.name, "type": str(variable.type), "required": variable.required}
    return {**row, **typed, "description": variable.description}


def text_of(value: Any, kind: str) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) and kind in ("string", "date") else json.dumps(value, ensure_ascii=False)


def _variable(data: Mapping[str, Any], index: int, errors: list[FieldError]) -> Variable:
    values = {}
    for name in ("default", "example"):
        try:
            values[name] = value_of(data[name], data["type"])
        except ValueError:
            remedy = gettext("Write it as JSON: %(example)s.", example=_WRITTEN[data["type"]])
            errors.append(FieldError(f"variables[{index}].{name}", remedy))
    return Variable(
        data["name"] or "",
        data["type"],
        data["required"],
        values.get("default"),
        values.get("example"),
        data["description"] or "",
    )


def value_of(text: str | None, kind: str) -> Any:
    if not text:
        return None
    return text if kind in ("string", "date") else json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


_WRITTEN: Mapping[str, str] = {
    "integer": "1041",
    "number": "12.5",
    "boolean": "true or false",
    "list": '["a", "b"]',
    "object": '{"name": "Ann"}',
}


def _source(data: Mapping[str, Any]) -> Source:
    """A browser sends every line end as two characters; what was left empty is not there."""
    html, text = ((data[name] or "").replace("\r\n", "\n") or None for name in ("html", "text"))
    return Source(data["subject"] or "", html, text)


def _locale(text: str | None) -> str:
    try:
        return canonical_locale(text or "")
    except ValueError:
        return text or ""
