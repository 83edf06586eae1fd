"""The few settings that can be made in the browser: a file in the data directory, below config.ini and the environment.

Like the others they are read once, at the start. A change is staged first, told of in the audit, and taken then:
whenever the process dies, the next one finds how far it came.
"""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from appliance.config import ini
from appliance.durable import sync

FILE_NAME = "settings.ini"
STAGED_NAME = "settings.ini.next"
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
    _replace(data_dir / FILE_NAME, _text(values))


def stage(data_dir: Path, values: Values, *, mark: str) -> None:
    """Keeps them beside the settings, under `mark`, to be taken or dropped. Raises as `write`."""
    _replace(data_dir / STAGED_NAME, f"# {mark}\n{_text(values)}")


def staged(data_dir: Path) -> str | None:
    """The mark of what is staged. Raises OSError."""
    try:
        with (data_dir / STAGED_NAME).open(encoding="utf-8") as file:
            return file.readline().removeprefix("# ").strip()
    except FileNotFoundError:
        return None


def take_staged(data_dir: Path) -> None:
    """From now on that is what was made. It is renamed, so no full disk can be in the way. Raises OSError."""
    (data_dir / STAGED_NAME).replace(data_dir / FILE_NAME)
    sync(data_dir)


def drop_staged(data_dir: Path) -> None:
    """Harmless where nothing is staged. Raises OSError."""
    (data_dir / STAGED_NAME).unlink(missing_ok=True)


def _text(values: Values) -> str:
    if not set(values) <= set(KEYS) or any("\n" in text or "\r" in text for text in values.values()):
        raise ValueError("such a setting cannot be made in the browser")
    sections: dict[str, list[str]] = {}
    for (section, key), text in values.items():
        sections.setdefault(section, []).append(f"{key} = {text}\n")
    return _HEADER + "".join(f"\n[{section}]\n{''.join(lines)}" for section, lines in sections.items())


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
    sync(path.parent)
