"""Reads JSON so strictly that two programs cannot read it differently, and says where it stopped.

What an operation does not take is refused as well: who writes `?dry_run=true` where there is no such option would
otherwise learn from what was done that it was not a dry run.
"""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from flask import Flask, current_app, has_app_context, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import UnsupportedMediaType

from appliance.errors import FieldError, InvalidInput
from appliance.web.api.errors import InvalidJson
from appliance.web.context import web

LARGE = 64 * 1024  # bytes; less is read in some milliseconds
MOST_VALUES = 500_000  # in one body, all levels together: a batch of a thousand messages to a hundred people each
MOST_NAMES = 100_000  # in one object
MOST_DIGITS = 310  # of one number: reading it takes quadratic time, and most readers know none longer (a double)
METHODS = ("POST", "PUT", "PATCH")
LONGEST_NAME = 200  # an option that there is not is named by whoever sent it
_NO_OPTION = "This operation takes no such option; see /api/docs. Nothing was done."
_NO_FIELD = "This operation takes no such field; see /api/docs. Nothing was done."
_NO_BODY = "This operation takes no body; leave it out. Nothing was done."

View = TypeVar("View", bound=Callable[..., Any])


class StrictJson(DefaultJSONProvider):
    """RFC 8259 in UTF-8, and of RFC 7493 that no name occurs twice in an object. Refuses with ValueError.

    Megabytes of text are read at once, but each number, list and object takes its time and its memory. So there may be
    so many, and a large body is read off the event loop.
    """

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        if len(s) < LARGE or not has_app_context():  # a test client reads answers by this as well, in no request
            return self._read(s, **kwargs)
        return web().run_native(lambda: self._read(s, **kwargs))

    def _read(self, s: str | bytes, **kwargs: Any) -> Any:
        if isinstance(s, bytes):
            _require_few_values(s)
        text = s.decode("utf-8-sig") if isinstance(s, bytes) else s
        try:
            return super().loads(text, **_HOOKS, **kwargs)
        except RecursionError as error:
            raise ValueError("there are too many levels in it") from error


def register(app: Flask) -> None:
    app.json = StrictJson(app)


def read_by_itself(view: View) -> View:
    """Marks a view that takes a file, or a body that may be left out. Goes below the route decorator."""
    view.__dict__["reads_body"] = True
    return view


def check() -> None:
    """Before each request of the API: who takes a body gets a JSON object, and who takes none gets none.

    Raises:
        InvalidInput: there is a query, or a field of a body, that the operation does not take.
        UnsupportedMediaType: it is not declared as JSON.
        InvalidJson: it is something else than a JSON object.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    if request.args and view is not None and not _takes("query", view):
        raise InvalidInput([FieldError(name[:LONGEST_NAME], _NO_OPTION, "unknown_field") for name in request.args])
    if request.method not in METHODS or view is None:
        return
    if _takes("body", view):
        _object_of_request()
    elif not getattr(view, "reads_body", False):
        _require_none()


def optional() -> dict[str, Any]:
    """The body of an operation that needs none. Raises as `check` does if there is one."""
    return _object_of_request() if request.get_data() else {}


def _takes(what: str, view: Callable[..., Any] | None) -> bool:
    return what in getattr(view, "__annotations__", {})


def _require_none() -> None:
    if not request.get_data():
        return
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InvalidJson(_NO_BODY)
    if body:
        raise InvalidInput([FieldError(name[:LONGEST_NAME], _NO_FIELD, "unknown_field") for name in body])


def _object_of_request() -> dict[str, Any]:
    if not request.is_json:
        raise UnsupportedMediaType
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InvalidJson(f"The body must be a JSON object in UTF-8: {_reason()}.")
    return body


def _reason() -> str:
    data = request.get_data()
    if not data.strip():
        return "it is empty"
    try:
        found = current_app.json.loads(data)
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8"
    except ValueError as error:
        return str(error)
    return f"it is {_NAMES.get(type(found), 'a number')}"


_NAMES: dict[type, str] = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError(f"the name {_repeated(pairs)[:100]!r} occurs twice in one object")
    if len(made) > MOST_NAMES:
        raise ValueError(f"there are more than {MOST_NAMES:,} names in one object")
    return made


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("every name is there once")


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _number(kind: Callable[[str], int | float]) -> Callable[[str], int | float]:
    def read(digits: str) -> int | float:
        if len(digits) > MOST_DIGITS:
            raise ValueError("a number in it has too many digits")
        return kind(digits)

    return read


_HOOKS: dict[str, Any] = {
    "object_pairs_hook": _object,
    "parse_constant": _no_number,
    "parse_int": _number(int),
    "parse_float": _number(float),
}


def _require_few_values(data: bytes) -> None:
    """By what stands between values; the same signs inside texts do not count. Raises ValueError."""
    if _separators(data) <= MOST_VALUES:
        return
    without_escapes = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if without_escapes.count(b'"') > 4 * MOST_VALUES or _separators(_outside_texts(without_escapes)) > MOST_VALUES:
        raise ValueError(f"there are more than {MOST_VALUES:,} values in it")


def _separators(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _outside_texts(data: bytes) -> bytes:
    return b"".join(data.split(b'"')[::2])
