"""What else is wrong with a template of which some fields are no good, as `second_look` does it for messages.

Of the variables and the languages those that are as they should be are looked at, beside the others of their kind.
"""

from collections.abc import Callable, Mapping, Set
from typing import Any, TypeVar

from pydantic import ValidationError

from appliance.errors import FieldError
from appliance.web.api.second_look import top
from appliance.web.api.template_schemas import TemplateContent
from appliance.web.context import web

View = TypeVar("View", bound=Callable[..., Any])
Place = tuple[int | str, ...]

FIELDS = frozenset(TemplateContent.model_fields)
_STAND_INS: Mapping[str, Any] = {"name": "-", "subject": "-"}
_OF_ENTRIES: Mapping[str, Any] = {"variables": {"name": "stand_in"}, "locales": {"subject": "-", "text": "-"}}


def at_template(view: View) -> View:
    """Marks a view whose body is a template. Goes below the route decorator."""
    view.__dict__["second_look"] = further
    return view


def further(body: object, error: ValidationError) -> list[FieldError]:
    """Besides what `error` says of `body`, in places that it does not name. Stores nothing."""
    if not isinstance(body, dict):
        return []
    wrong = {tuple(one["loc"][:2]) for one in error.errors(include_url=False, include_input=False) if one["loc"]}
    fields = {str(place[0]) for place in wrong}
    try:
        looked_at = TemplateContent.model_validate(_mended(body, wrong))
    except ValidationError:
        return []
    slug = body.get("slug") if "slug" not in fields else None
    found = web().services.templates.faults(
        looked_at.form(), looked_at.reason, slug=slug, all_declared="variables" not in fields
    )
    named = {_path(place) for place in wrong}
    return [one for one in found if not _within(one.field, named)]


def _mended(body: Mapping[str, Any], wrong: Set[Place]) -> dict[str, Any]:
    """With something harmless in place of what is wrong."""
    fields = {str(place[0]) for place in wrong if len(place) == 1 or place[0] not in _OF_ENTRIES}
    kept = {name: value for name, value in body.items() if name in FIELDS and name not in fields}
    for name, stand_in in _OF_ENTRIES.items():
        if name in kept:
            kept[name] = _entries(kept[name], {place[1] for place in wrong if place[0] == name}, stand_in)
    if fields & {"html", "text"} and not (kept.get("html") or kept.get("text")):
        kept["text"] = "-"
    return {**_STAND_INS, **kept}


def _entries(entries: Any, wrong: Set[int | str], stand_in: Any) -> Any:
    if isinstance(entries, list):
        return [stand_in if index in wrong else one for index, one in enumerate(entries)]
    return {name: stand_in if name in wrong else one for name, one in entries.items()}


def _path(place: Place) -> str:
    """As far as `services.template_form` names it: `variables[2]`, `locales.de`, and of anything else the field."""
    if len(place) == 1 or place[0] not in _OF_ENTRIES:
        return str(place[0])
    return f"variables[{place[1]}]" if place[0] == "variables" else f"locales.{str(place[1])[:20]}"


def _within(field: str, named: Set[str]) -> bool:
    return top(field) in named or any(field == one or field.startswith(f"{one}.") for one in named)
