"""What else is wrong with a form of which some fields are no good, as `second_look` does it for messages."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from appliance.errors import FieldError, InvalidInput
from appliance.web.api.schemas import Request
from appliance.web.api.second_look import named_by, top

View = TypeVar("View", bound=Callable[..., Any])
Shape = TypeVar("Shape", bound=Request)


def at_form(
    shape: type[Shape], stand_ins: Mapping[str, Any], check: Callable[[Shape], object], *, whole: bool = True
) -> Callable[[View], View]:
    """Marks a view whose body is such a form; not `whole`: some fields of one. Goes below the route decorator.

    `stand_ins`: something harmless for what such a form must have. `check` raises InvalidInput with what is wrong.
    """
    fields = frozenset(field.alias or name for name, field in shape.model_fields.items())

    def further(body: object, error: ValidationError) -> list[FieldError]:
        if not isinstance(body, dict):
            return []
        wrong = named_by(error)
        kept = {name: value for name, value in body.items() if name in fields and name not in wrong}
        try:
            check(shape.model_validate({**stand_ins, **kept}))
        except ValidationError:
            return []  # what is left goes together with what was wrong
        except InvalidInput as more:
            return [one for one in more.errors if top(one.field) not in wrong and (whole or top(one.field) in kept)]
        return []

    def mark(view: View) -> View:
        view.__dict__["second_look"] = further
        return view

    return mark
