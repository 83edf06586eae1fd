"""The form of an API key."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from wtforms import DateField, IntegerField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from appliance.clock import next_midnight
from appliance.db.models import ApiKey, SenderAccount
from appliance.errors import FieldError, InvalidInput
from appliance.services.api_keys import SCOPES
from appliance.services.key_form import LARGEST
from appliance.web.admin.form import Form
from appliance.web.admin.own_names import own_name

INSTANT = timedelta(microseconds=1)
NAMES = {"expires_at": "last_day"}
"""What a service calls otherwise than the form does."""


class ApiKeyForm(Form):
    name = StringField(
        _("Name"), [InputRequired(_("Give a name."))], description=_("Which program uses it, such as “shop”.")
    )
    scopes = SelectMultipleField(
        _("It may"),
        choices=list(SCOPES),
        default=["send", "read"],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    last_day = DateField(
        _("Last day"), [Optional()], description=_("It works until the end of this day. Empty: for ever.")
    )
    daily_limit = IntegerField(
        _("Messages a day"),
        [Optional(), NumberRange(1, LARGEST)],
        description=_("Empty: what the configuration says."),
    )
    requests_per_minute = IntegerField(
        _("Requests a minute"),
        [Optional(), NumberRange(1, LARGEST)],
        description=_("Empty: what the configuration says."),
    )
    allowed_from = TextAreaField(
        _("Addresses it may send from"),
        description=_(
            "One a line: shop@example.com, @example.com for everybody there, or @*.example.com for everybody below. "
            "Empty: any. Messages that name none are from the only one."
        ),
    )
    allowed_accounts = SelectMultipleField(
        _("Sender accounts it may use"), widget=ListWidget(prefix_label=False), option_widget=CheckboxInput()
    )

    def offer(self, accounts: Iterable[SenderAccount], chosen: Iterable[str] = ()) -> "ApiKeyForm":
        """The accounts to choose from; one that is chosen already and was deleted stays among them."""
        choices = {account.id: own_name(account.name) for account in accounts}
        gone = {
            account_id: _("%(name)s (deleted)", name=account_id) for account_id in chosen if account_id not in choices
        }
        self.allowed_accounts.choices = list((choices | gone).items())
        return self

    def values(self, zone: ZoneInfo, before: ApiKey | None = None) -> dict[str, Any]:
        """The fields of `KeyForm`, but whether it is active. A last day that stays is no other moment."""
        return {
            "name": self.name.data,
            "scopes": tuple(self.scopes.data or ()),
            "expires_at": self._expires_at(zone, before),
            "daily_limit": self.daily_limit.data,
            "requests_per_minute": self.requests_per_minute.data,
            "allowed_from": tuple((self.allowed_from.data or "").replace(",", " ").split()),
            "allowed_accounts": tuple(self.allowed_accounts.data or ()),
        }

    def blame(self, error: InvalidInput) -> None:
        """Of a list, the whole field is to blame."""
        fields = [(one.field.partition("[")[0], one) for one in error.errors]
        super().blame(InvalidInput(FieldError(NAMES.get(name, name), one.message) for name, one in fields))

    def _expires_at(self, zone: ZoneInfo, before: ApiKey | None) -> datetime | None:
        if self.last_day.data is None:
            return None
        if before is not None and before.expires_at is not None and last_day(before, zone) == self.last_day.data:
            return before.expires_at
        return next_midnight(datetime.combine(self.last_day.data, datetime.min.time(), zone), zone)


def filled(key: ApiKey, zone: ZoneInfo) -> ApiKeyForm:
    """As the key stands."""
    return ApiKeyForm(
        formdata=None,
        obj=key,
        last_day=last_day(key, zone),
        allowed_from="\n".join(key.allowed_from),
    )


def last_day(key: ApiKey, zone: ZoneInfo) -> Any:
    return None if key.expires_at is None else (key.expires_at - INSTANT).astimezone(zone).date()
