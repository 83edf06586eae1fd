"""What all forms of the pages share: one field's errors beside the field, wherever they were found."""

from typing import Any

from flask_wtf import FlaskForm

from appliance.errors import InvalidInput


class Form(FlaskForm):  # type: ignore[misc]  # flask_wtf has no types
    def blame(self, error: InvalidInput) -> None:
        """Puts what a service found wrong beside the fields; what belongs to none of them above the form."""
        for one in error.errors:
            field = self._fields.get(one.field)
            if field is None:
                self.form_errors.append(f"{one.field}: {one.message}")
            else:
                field.errors = [*field.errors, one.message]


def stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
