"""Reads the configuration once: what was set in the browser, above it config.ini, above that the environment; checked
whole, then frozen.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from appliance.config import browser_settings, ini
from appliance.config.settings import SECTIONS, Settings
from appliance.config.values import Expects, Section
from appliance.errors import ConfigError

FILE_NAME = "config.ini"
RESEMBLES = 0.7  # from 0 to 1; other programs have variables such as WEB_CONCURRENCY and DATABASE_HOST

_CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Loaded:
    """The settings, and where each value that is not a default came from.

    `sources` has `"web.port": "config.ini, line 3"` or `"web.port": "environment variable WEB_PORT"`.
    `path` is the file that was read, None when there was none. `misspelt` has the variables that nothing reads, each
    with the one that was probably meant: `"WEB_PROT": "WEB_PORT"`.
    """

    settings: Settings
    sources: Mapping[str, str]
    path: Path | None
    misspelt: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Value:
    text: str
    source: str


_Values = dict[tuple[str, str], _Value]


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Reads `path`, or the config.ini beside run.py where there is one, and the variables SECTION_KEY of `environ`.

    Raises:
        ConfigError: with every problem there is. No problem quotes a secret.
    """
    loaded, problems = examine(path, environ)
    if problems:
        raise ConfigError(problems)
    return loaded


def examine(path: Path | None, environ: Mapping[str, str]) -> tuple[Loaded, list[str]]:
    """As `load`, but gives the problems together with settings in which what is wrong has its default."""
    path = path or _default_path()
    problems: list[str] = []
    values: _Values = {}
    if path is not None:
        values |= _from_file(path, problems)
    values |= _from_environment(environ, problems)
    base_dir = path.resolve().parent if path else base_directory()
    values = _from_browser(base_dir, values) | values
    settings = _build(base_dir, values, problems)
    sources = {f"{section}.{key}": value.source for (section, key), value in values.items()}
    return Loaded(settings, sources, path, dict(_misspelt(environ))), problems


def base_directory() -> Path:
    """Where relative paths start when no file says otherwise: the checkout, or the working directory if installed."""
    return _CHECKOUT if (_CHECKOUT / "run.py").exists() else Path.cwd()


def variable_name(section: str, key: str) -> str:
    return f"{section}_{key}".upper()


def _default_path() -> Path | None:
    path = base_directory() / FILE_NAME
    return path if path.exists() else None


def _from_file(path: Path, problems: list[str]) -> _Values:
    file = ini.read(path)
    problems += file.problems
    problems += [f"[{name}]: unknown section{_hint(name, SECTIONS)} ({file.name})" for name in _unknown(file.sections)]
    values = {}
    for (section, key), text in file.values.items():
        source = f"{file.name}, line {file.lines[section, key]}" if (section, key) in file.lines else file.name
        if section not in SECTIONS:
            continue
        if key not in SECTIONS[section].model_fields:
            problems.append(f"[{section}] {key}: unknown key{_hint(key, SECTIONS[section].model_fields)} ({source})")
        elif "\n" in text:
            problems.append(f"[{section}] {key}: the line below it is indented and so belongs to its value ({source})")
        else:
            values[section, key] = _Value(text, source)
    return values


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> _Values:
    values = {}
    for section, key in _all_keys():
        name = variable_name(section, key)
        file_name = f"{name}_FILE"
        if name in environ and file_name in environ:
            problems.append(f"[{section}] {key}: {name} and {file_name} are both set; unset one of them")
        elif name in environ:
            values[section, key] = _Value(environ[name], f"environment variable {name}")
        elif file_name in environ:
            try:
                text = Path(environ[file_name]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                problems.append(f"[{section}] {key}: the file that {file_name} names cannot be read: {reason}")
            else:
                values[section, key] = _Value(text.rstrip("\r\n"), f"file of {file_name}")
    return values


def _from_browser(base_dir: Path, values: _Values) -> _Values:
    """What was set in the browser; it lies in the data directory, which only the other values tell."""
    named = values.get(("appliance", "data_dir"))
    data_dir = base_dir / (named.text if named else Settings().appliance.data_dir)
    made = browser_settings.read(data_dir)
    return {place: _Value(text, browser_settings.SOURCE) for place, text in made.items()}


def _misspelt(environ: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A section is named right and a key nearly so. The environment is everybody's, so more would be guessing."""
    known = {variable_name(section, key) + ending for section, key in _all_keys() for ending in ("", "_FILE")}
    for name in sorted(set(environ) - known):
        prefix, _, rest = name.partition("_")
        keys = [one.partition("_")[2] for one in known if one.startswith(f"{prefix}_")]
        close = difflib.get_close_matches(rest, keys, n=1, cutoff=RESEMBLES)
        if close:
            yield name, f"{prefix}_{close[0]}"


def _build(base_dir: Path, values: _Values, problems: list[str]) -> Settings:
    sections: dict[str, Any] = {}
    for name, section_class in SECTIONS.items():
        given = {key: value for (section, key), value in values.items() if section == name}
        try:
            sections[name] = section_class.model_validate(_texts(section_class, given))
        except ValidationError as error:
            for key, reason in _reasons(error).items():
                problems.append(_wrong_value(name, key, section_class.model_fields[key], given.pop(key), reason))
            sections[name] = section_class.model_validate(_texts(section_class, given))
    settings = Settings(base_dir=base_dir, **sections)
    problems += _contradictions(settings)
    return settings


def _reasons(error: ValidationError) -> dict[str, str]:
    """What a validator of ours said of each wrong key; empty where the type alone was wrong."""
    return {str(detail["loc"][0]): str(detail.get("ctx", {}).get("error", "")) for detail in error.errors()}


def _texts(section_class: type[Section], given: Mapping[str, _Value]) -> dict[str, str]:
    texts = {key: value.text for key, value in given.items()}
    for key, text in texts.items():
        if get_origin(section_class.model_fields[key].annotation) is Literal:
            texts[key] = text.lower()  # LOG_LEVEL=INFO is what many environments say
    return texts


def _wrong_value(section: str, key: str, field: FieldInfo, value: _Value, reason: str) -> str:
    expected = next((item.text for item in field.metadata if isinstance(item, Expects)), "another value")
    got = "" if field.annotation is SecretStr else f", got {value.text!r}"
    return f"[{section}] {key}: expected {expected}{got}{reason and f': {reason}'} ({value.source})"


def _contradictions(settings: Settings) -> Iterator[str]:
    """Values that are each right, but not together."""
    web, flower, dispatcher, delivery = settings.web, settings.flower, settings.dispatcher, settings.delivery
    if flower.enabled and web.port == flower.port != 0:
        yield f"[flower] port: expected another port than that of [web], got {flower.port} for both"
    if dispatcher.min_slots > dispatcher.max_slots:
        yield f"[dispatcher] min_slots: expected at most max_slots ({dispatcher.max_slots}), got {dispatcher.min_slots}"
    if delivery.breaker_seconds > delivery.breaker_max_seconds:
        yield (
            f"[delivery] breaker_seconds: expected at most breaker_max_seconds ({delivery.breaker_max_seconds:g}), "
            f"got {delivery.breaker_seconds:g}"
        )


def _all_keys() -> Iterator[tuple[str, str]]:
    for section, section_class in SECTIONS.items():
        for key in section_class.model_fields:
            yield section, key


def _unknown(sections: Iterable[str]) -> list[str]:
    return [name for name in sections if name not in SECTIONS]


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
