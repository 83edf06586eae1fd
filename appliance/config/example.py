"""Writes config.example.ini from the settings: `python -m appliance.config.example > config.example.ini`."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from appliance.config.loader import variable_name
from appliance.config.settings import SECTIONS
from appliance.config.values import Section

HEADER = """\
# Postroom reads config.ini beside run.py, or the file that --config names. Nothing in it is required.
# Below stands every key with its default. Copy the lines that you want to change, with their [section].
# The environment comes first: variable SECTION_KEY, such as WEB_PORT, or SECTION_KEY_FILE with the name of a
# file that holds the value, for secrets. A comment stands on a line of its own.
# `python run.py check` says what is wrong, all of it at once."""


def text() -> str:
    return "\n".join([HEADER, *(line for name in SECTIONS for line in _section(name))]) + "\n"


def _section(name: str) -> Iterator[str]:
    section_class: type[Section] = SECTIONS[name]
    yield f"\n[{name}]"
    for index, (key, field) in enumerate(section_class.model_fields.items()):
        if index:
            yield ""
        yield from textwrap.wrap(
            f"{field.description} ({variable_name(name, key)})",
            width=110,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield f"{key} = {_written(field.default)}".rstrip()


def _written(default: Any) -> str:
    match default:
        case bool():
            return "true" if default else "false"
        case SecretStr():
            return default.get_secret_value()
        case tuple():
            return " ".join(str(item) for item in default)
        case float():
            return f"{default:g}"
        case int() | str() | Path():
            return str(default)
    raise TypeError(f"config.example.ini cannot show a default of type {type(default).__name__}")


if __name__ == "__main__":
    sys.stdout.write(text())
