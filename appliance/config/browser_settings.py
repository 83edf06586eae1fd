"""The few settings that can be made in the browser: a file in the data directory, below config.ini and the environment.

Like the others they are read once, at the start, so a change is in force after the next one.
"""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from appliance.config import ini

FILE_NAME = "settings.ini"
SOURCE = "settings.ini in the data directory, made in the browser"
KEYS = (("appliance", "timezone"), ("appliance", "public_url"))

_HEADER = "# Made in the browser. config.ini and the environment come before what stands here.\n"

Values = Mapping[tuple[str, str], str]


def read(data_dir: Path) -> dict[tuple[str, str], str]:
    """Only keys of KEYS; nothing where there is no such file, or it cannot be read."""
    path = data_dir / FILE_NAME
    try:
        there = path.exists()
    except OSError:  # a directory that may not be looked into is told of where it is used
        return {}
    if not there:
        return {}
    found = ini.read(path)
    return {place: text for place, text in found.values.items() if place in KEYS and "\n" not in text}


def write(data_dir: Path, values: Values) -> None:
    """Takes the place of all that was made before. Raises OSError.

    Raises:
        ValueError: a key is not one of KEYS, or a value has more than one line.
    """
    if not set(values) <= set(KEYS) or any("\n" in text or "\r" in text for text in values.values()):
        raise ValueError("such a setting cannot be made in the browser")
    sections: dict[str, list[str]] = {}
    for (section, key), text in values.items():
        sections.setdefault(section, []).append(f"{key} = {text}\n")
    text = _HEADER + "".join(f"\n[{section}]\n{''.join(lines)}" for section, lines in sections.items())
    _replace(data_dir / FILE_NAME, text)


def _replace(path: Path, text: str) -> None:
    """There whole or not at all, with mode 0600."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                Path(file.name).unlink()
            raise
