"""What a client is told where a value has the wrong kind or size: our words for what pydantic found."""

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]
Words = Callable[[Context], str]

OTHERWISE = "This value does not fit; see /api/docs for what the field takes."
_NUMBER = "Give a whole number, without quotes."
_LARGE = "The number has too many digits."
_SWITCH = "Give true or false."
_TEXT = "Give a text, in quotes."
_OBJECT = 'Give an object: {"name": ...}.'


def of(kind: str, context: Context) -> str:
    """One sentence with the remedy. `kind` and `context` are the type and the ctx of an error of pydantic."""
    words = _WORDS.get(kind)
    return words(context) if words else OTHERWISE


def _said(sentence: str) -> Words:
    return lambda _: sentence


def _one_of(context: Context) -> str:
    choices = str(context["expected"]).removeprefix("'', ")
    return f"Choose one of these: {choices}."


def _entries_at_least(context: Context) -> str:
    least = context["min_length"]
    if context.get("field_type") == "Value":  # a text that has rules of ours as well
        return _characters_at_least(context)
    return "Give at least one entry." if least == 1 else f"Give {least} entries or more."


def _characters_at_least(context: Context) -> str:
    least = context["min_length"]
    return "It may not be empty." if least == 1 else f"It has {least} characters or more."


_WORDS: Mapping[str, Words] = {
    "string_type": _said(_TEXT),
    "string_sub_type": _said(_TEXT),
    "string_unicode": _said("It has characters that are no text (a lone surrogate)."),
    "string_too_short": _characters_at_least,
    "string_too_long": lambda context: f"It may have {context['max_length']} characters.",
    "too_short": _entries_at_least,
    "int_type": _said(_NUMBER),
    "int_parsing": _said(_NUMBER),
    "int_from_float": _said(_NUMBER),
    "int_parsing_size": _said(_LARGE),
    "greater_than_equal": lambda context: f"The smallest number here is {context['ge']}.",
    "less_than_equal": lambda context: f"The largest number here is {context['le']}.",
    "bool_type": _said(_SWITCH),
    "bool_parsing": _said(_SWITCH),
    "list_type": _said("Give a list, in brackets: [...]."),
    "dict_type": _said(_OBJECT),
    "model_type": _said(_OBJECT),
    "model_attributes_type": _said(_OBJECT),
    "invalid_key": _said("Give its name as a text."),
    "literal_error": _one_of,
    "enum": _one_of,
}
