"""The form of a sender account, and what a provider's preset fills in of it."""

from typing import Any

from flask_babel import lazy_gettext as _
from wtforms import BooleanField, IntegerField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Optional

from appliance.db.models.sender_account import TransportKind
from appliance.services.provider_presets import Preset
from appliance.services.sender_accounts import DEFAULT_PORTS, AccountForm
from appliance.web.admin.form import Form, stripped


class SenderAccountForm(Form):
    name = StringField(_("Name"), [InputRequired(_("Give a name."))], description=_("Recipients see it as the sender."))
    email = StringField(
        _("Address"),
        [InputRequired(_("Give the address to send from."))],
        description=_("Mail is sent from it."),
    )
    transport = SelectField(_("Sends through"), choices=[str(kind) for kind in TransportKind], default="smtp")
    host = StringField(_("Server"), filters=[stripped], description=_("Such as smtp.example.com."))
    port = IntegerField(_("Port"), [Optional()], description=_("Empty: the usual port of the encryption."))
    security = SelectField(_("Encryption"), choices=list(DEFAULT_PORTS), default="starttls")
    username = StringField(_("Username"), filters=[stripped])
    password = PasswordField(_("Password"))
    daily_limit = IntegerField(_("Messages a day"), [Optional()], description=_("Empty: no limit."))
    priority = IntegerField(
        _("Priority"), [Optional()], default=0, description=_("Accounts with a higher one are used first.")
    )
    active = BooleanField(_("In use"), default=True)

    def values(self) -> dict[str, Any]:
        """The fields of `AccountForm`."""
        given = {name: self._fields[name].data for name in AccountForm.__slots__}
        return given | {"priority": given["priority"] or 0, "email": stripped(given["email"])}


def filled_by(preset: Preset) -> SenderAccountForm:
    """A new account with this provider."""
    return SenderAccountForm(
        host=preset.host,
        port=preset.port,
        security=preset.security,
        username=preset.username,
        daily_limit=preset.daily_limit,
    )
