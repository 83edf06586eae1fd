"""The form of a message that a person writes: everything typed is kept, and each error stands beside its field."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import HiddenField, MultipleFileField, SelectField, StringField, TextAreaField

from appliance.db.models.message import Priority
from appliance.db.queries.messages import Detail
from appliance.errors import FieldError, InvalidInput
from appliance.services import intake
from appliance.services.attachments import StoredFile
from appliance.services.intake import Address
from appliance.services.submit_message import SubmitMessage, TemplateReference
from appliance.services.template_variables import Variable, examples_of
from appliance.web.admin import compose_parts
from appliance.web.admin.form import Form
from appliance.web.context import web

OF_A_VARIABLE = "variable."
MOST_TYPED = 500_000  # characters in one field: Flask takes no more
RECIPIENTS = ("to", "cc", "bcc")
OURS = {"from": "sender", "file": "files", "attachments": "files", "": "to"}
"""What services call a field, and what it is called here."""
NOBODY: tuple[Address, ...] = ()
NO_TAGS: tuple[str, ...] = ()

Read = TypeVar("Read")


class ComposeForm(Form):
    token = HiddenField()
    to = StringField(_("To"), description=_("Addresses apart by commas. Everybody sees these."))
    cc = StringField(_("Cc"))
    bcc = StringField(_("Bcc"), description=_("Nobody else sees these."))
    sender = StringField(_("From"), description=_("Empty: the sender account that it goes out through."))
    template = SelectField(_("Template"), validate_choice=False)
    locale = StringField(
        _("Language of the template"), description=_("Such as zh-CN. Empty: the one without a language.")
    )
    subject = StringField(_("Subject"))
    text = TextAreaField(_("Text"), description=_("Empty: derived from the HTML."))
    html = TextAreaField(_("HTML"))
    files = MultipleFileField(_("Attachments"))
    tags = StringField(_("Tags"), description=_("Apart by commas."))
    account = SelectField(_("Sender account"), validate_choice=False)
    priority = SelectField(_("Priority"), validate_choice=False, default="normal")
    send_at = StringField(_("Not before"), description=_("In the time zone of this box. Empty: at once."))
    expires_at = StringField(_("Not after"), description=_("If it could not be sent before then, it fails."))

    def renew(self) -> None:
        """What is sent from here on is another message."""
        self.token.data = secrets.token_urlsafe(16)

    def copy(self, detail: Detail) -> None:
        """What a message says and whom it was for; its attachments are not taken along."""
        message, body = detail.message, detail.body
        for kind in RECIPIENTS:
            those = [Address(one.email, one.name) for one in detail.recipients if one.kind == kind]
            self[kind].data = ", ".join(map(compose_parts.written_address, those))
        if message.sender_email:
            self.sender.data = compose_parts.written_address(Address(message.sender_email, message.sender_name))
        self.subject.data, self.tags.data = message.subject, ", ".join(message.tags)
        self._copy_content((body.text or "", body.html or "") if body else ("", ""))

    def _copy_content(self, content: tuple[str, str]) -> None:
        """What no form could bring back would only be in the way, and takes long to show."""
        if max(map(len, content)) > MOST_TYPED:
            self.html.errors = [_("The message is too long to be written in a form. Submit it by the API.")]
        else:
            self.text.data, self.html.data = content


@dataclass
class VariableField:
    """A variable of the template, as it was typed."""

    variable: Variable
    text: str
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return OF_A_VARIABLE + self.variable.name


@dataclass
class Draft:
    """What is in the form now. `variables` are those that the chosen template declares."""

    form: ComposeForm
    variables: Sequence[VariableField]
    files: Sequence[StoredFile] = ()
    _wrong: bool = False

    def command(self) -> SubmitMessage:
        """Raises InvalidInput when something is wrong; each error stands beside its field by then."""
        form, zone = self.form, web().zone
        to, cc, bcc = (self._read(name, compose_parts.addresses, NOBODY) for name in RECIPIENTS)
        if not (to or cc or bcc) and not any(self.form[name].errors for name in RECIPIENTS):
            self._blame("to", gettext("Name at least one recipient."))
        sender = self._read("sender", compose_parts.address, None) if (form.sender.data or "").strip() else None
        tags = self._read("tags", compose_parts.tags, NO_TAGS)
        send_at = self._read("send_at", lambda text: compose_parts.moment(text, zone), None)
        expires_at = self._read("expires_at", lambda text: compose_parts.moment(text, zone), None)
        priority = self._read("priority", compose_parts.priority, Priority.NORMAL)
        content = self._of_the_template() if form.template.data else self._own()
        if self._wrong:
            raise InvalidInput([])
        return SubmitMessage(
            to=to,
            cc=cc,
            bcc=bcc,
            sender=sender,
            tags=tags,
            send_at=send_at,
            expires_at=expires_at,
            account=form.account.data or None,
            priority=priority,
            attachments=tuple(self.files),
            **content,
        )

    def blame(self, error: InvalidInput) -> None:
        """Puts what a service found wrong beside the fields and variables."""
        others = []
        for one in error.errors:
            variable = self._variable(one.field.removeprefix("variables."))
            if variable is not None:
                variable.errors.append(one.message)
            else:
                others.append(FieldError(OURS.get(one.field, one.field), one.message, one.code))
        self.form.blame(InvalidInput(others))

    def _own(self) -> Mapping[str, Any]:
        form = self.form
        subject, text, html = form.subject.data or "", form.text.data or "", form.html.data or ""
        if not subject.strip():
            self._blame("subject", gettext("Give a subject."))
        elif len(subject.strip()) > intake.LONGEST_SUBJECT:
            most = intake.LONGEST_SUBJECT
            self._blame("subject", gettext("It may have %(most)s characters.", most=most))
        elif len(subject.splitlines()) > 1 or not subject.isprintable():
            self._blame("subject", gettext("A subject is one line of text."))
        if not text.strip() and not html.strip():
            self._blame("text", gettext("Write a text, HTML or both."))
        return {"subject": subject.strip(), "text": text or None, "html": html or None}

    def _of_the_template(self) -> Mapping[str, Any]:
        values = {}
        for one in self.variables:
            try:
                read = compose_parts.value(one.variable, one.text)
            except ValueError as error:
                one.errors.append(str(error))
                self._wrong = True
                continue
            if read is not None:
                values[one.variable.name] = read
        reference = TemplateReference(
            str(self.form.template.data), values, (self.form.locale.data or "").strip() or None
        )
        return {"subject": "", "template": reference}

    def _read(self, name: str, read: Callable[[str], Read], instead: Read) -> Read:
        try:
            return read(self.form[name].data or "")
        except ValueError as error:
            self._blame(name, str(error))
            return instead

    def _blame(self, name: str, words: str) -> None:
        found = self.form[name]
        found.errors = [*found.errors, words]
        self._wrong = True

    def _variable(self, name: str) -> VariableField | None:
        return next((one for one in self.variables if one.variable.name == name), None)


def variable_fields(declared: Sequence[Variable], *, examples: bool) -> list[VariableField]:
    """As they were typed; where nothing was, with the default, or with the example if that is asked for."""
    samples = examples_of(declared) if examples else {}
    fields = []
    for one in declared:
        typed = request.form.get(OF_A_VARIABLE + one.name)
        usual = compose_parts.written(samples[one.name] if examples else one.default)
        fields.append(VariableField(one, usual if typed is None or (examples and not typed) else typed))
    return fields
