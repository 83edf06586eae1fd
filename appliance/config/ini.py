"""Reads an INI file into values that know the line they stand on, and finds every mistake of its grammar."""

import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HEADER = re.compile(r"\[(?P<section>[^]]+)\]")


@dataclass
class IniFile:
    """`values` and `lines` by (section, key); `problems` as lines for a person, none of which quotes a value."""

    name: str
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(path: Path) -> IniFile:
    """Never raises for what is in the file, nor when it cannot be read: `problems` tells."""
    file = IniFile(path.name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        file.problems.append(f"{path}: not UTF-8 text; save it in that encoding")
    except OSError as error:
        file.problems.append(f"{path}: cannot be read: {error.strerror}")
    else:
        _parse(file, text)
        _locate(file, text)
    return file


def _parse(file: IniFile, text: str) -> None:
    # "=" alone, for a value may have a colon; no default section and no interpolation, for a password may have anything
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=False, default_section="\0")
    try:
        parser.read_string(text, file.name)
    except configparser.MissingSectionHeaderError as error:
        file.problems.append(f"{file.name}, line {error.lineno}: a [section] must come first")
    except configparser.ParsingError as error:
        file.problems += [f"{file.name}, line {line}: expected `key = value`" for line, _ in error.errors]
    file.sections = parser.sections()
    file.values = {(section, key): value for section in file.sections for key, value in parser.items(section)}


def _locate(file: IniFile, text: str) -> None:
    for place, line in _places(text):
        if place in file.lines:
            section, key = place
            file.problems.append(f"[{section}] {key}: given twice ({file.name}, lines {file.lines[place]} and {line})")
        file.lines.setdefault(place, line)


def _places(text: str) -> Iterator[tuple[tuple[str, str], int]]:
    """Where each key stands. A line that starts with white space continues the value above it."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header["section"]
        elif "=" in line and line[0] not in "#; \t":
            yield (section, line.partition("=")[0].strip().lower()), number
