"""`python run.py doctor`: everything that somebody who helps would ask for, in one file, and nothing that is secret."""

import argparse
import json
import os
import platform
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import metadata
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from appliance import __version__
from appliance.clock import utc_now
from appliance.commands import check, running
from appliance.config import loader
from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded
from appliance.config.masking import REDACTED, masked
from appliance.config.settings import SECTIONS, Settings
from appliance.db.database_file import DatabaseFile
from appliance.db.engine import create_database_engine, is_memory, is_sqlite
from appliance.db.migrations import current_revision
from appliance.errors import ApplianceError, StartupError

NAME = "doctor"
HELP = "gather versions, configuration, health, database facts and recent errors into one file, without secrets"
NEEDS_SETTINGS = False  # a wrong config.ini is one of the things it reports

LOG_LINES = 200
LOG_BYTES = 200_000
SHORTEST_SECRET = 6  # what is shorter stands in too many words to be taken out of them
MEGABYTE = 1024 * 1024
TOKEN = re.compile(r"(\btoken=)[\w.-]+")  # of the setup link, which the log of a first start has


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a new file, or - for standard output; default: postroom-report-DATE.txt in this directory",
    )


def run(arguments: argparse.Namespace, _loaded: None) -> int:
    loaded, problems = loader.examine(arguments.config, os.environ)
    moment = utc_now()
    text = report(loaded, problems, moment)
    if arguments.file == "-":
        print(text, end="")
        return 0
    path = Path(arguments.file or f"postroom-report-{moment:%Y%m%d-%H%M%S}.txt")
    _write(path, text)
    print(f"{path.resolve()} holds the report. Addresses and secrets are left out; read it before you hand it on.")
    return 0


def report(loaded: Loaded, problems: list[str], moment: datetime) -> str:
    """Each part is made by itself: what is broken is what the report is for."""
    settings = loaded.settings
    parts: list[tuple[str, Callable[[], Iterator[str]]]] = [
        ("Versions", _versions),
        ("Configuration", lambda: _configuration(loaded, problems)),
        ("Findings of check", lambda: (str(finding) for finding in check.findings(loaded, problems))),
        ("Running appliance", lambda: _running(settings)),
        ("Database", lambda: _database(settings)),
        ("Disk", lambda: _disk(settings)),
        ("Log", lambda: _log(settings)),
    ]
    text = "\n".join([f"Postroom report of {moment:%Y-%m-%d %H:%M:%S} UTC", *map(_part, parts), ""])
    return _without_secrets(text, settings)


def _part(part: tuple[str, Callable[[], Iterator[str]]]) -> str:
    title, lines = part
    told: list[str] = []
    try:
        told += lines()
    except Exception as error:  # noqa: BLE001 - the outermost edge of a part: the others are wanted all the more
        told.append(f"cannot be told: {type(error).__name__}: {error}")
    return "\n".join(["", title, "=" * len(title), *told])


def _versions() -> Iterator[str]:
    yield f"postroom {__version__}"
    yield f"python {platform.python_version()} ({sys.executable}) on {platform.platform()}"
    yield f"sqlite {sqlite3.sqlite_version}"
    packages = {(package.metadata["Name"] or "").lower(): package.version for package in metadata.distributions()}
    yield ", ".join(f"{name} {version}" for name, version in sorted(packages.items()) if name)


def _configuration(loaded: Loaded, problems: list[str]) -> Iterator[str]:
    """Every key with its value and where that came from; of a secret only whether it is set."""
    yield f"file: {loaded.path.resolve() if loaded.path else 'none'}"
    yield from problems
    for section, section_class in SECTIONS.items():
        yield f"[{section}]"
        for key in section_class.model_fields:
            value = getattr(getattr(loaded.settings, section), key)
            yield f"{key} = {_shown(value)}  ({loaded.sources.get(f'{section}.{key}', 'default')})"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "set" if value.get_secret_value() else "not set"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _running(settings: Settings) -> Iterator[str]:
    data_dir = DataDirectory(settings.data_dir)
    try:
        for title, path in (
            ("health", "/health"),
            ("system", "/api/v1/system"),
            ("tasks at work", "/api/v1/system/inspect/active"),
        ):
            answer = running.ask(data_dir, path)
            yield f"{title}: {json.dumps(answer, indent=1, ensure_ascii=False)}"
    except ApplianceError as error:
        yield str(error)


def _database(settings: Settings) -> Iterator[str]:
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        yield "its URL cannot be read"
        return
    yield f"kind: {url.drivername}"
    if is_memory(url):
        yield "in memory: it has the messages of one process, and no file"
    elif is_sqlite(url):
        yield from _file(Path(url.database or ""))
    else:
        yield from _server(url, settings)


def _file(path: Path) -> Iterator[str]:
    if not path.exists():
        yield f"{path} is not there yet"
        return
    for file in sorted(path.parent.glob(f"{path.name}*")):
        yield f"{file.name}: {file.stat().st_size / MEGABYTE:.1f} MB"
    file_of_database = DatabaseFile(path)
    yield f"schema: {file_of_database.revision() or 'none'}"
    yield f"quick_check: {file_of_database.damage(thorough=False) or 'ok'}"
    yield f"messages: {json.dumps(file_of_database.messages_by_status(), sort_keys=True)}"


def _server(url: URL, settings: Settings) -> Iterator[str]:
    engine = create_database_engine(url.render_as_string(hide_password=False), settings.database)
    try:
        with engine.connect() as connection:
            yield f"server: {'.'.join(map(str, engine.dialect.server_version_info or ()))}"
            if url.get_backend_name() == "postgresql":
                size = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
                yield f"size: {size / MEGABYTE:.1f} MB"
            yield f"schema: {current_revision(engine) or 'none'}"
            counts = connection.exec_driver_sql("SELECT status, count(*) FROM messages GROUP BY status")
            yield f"messages: {json.dumps(dict(counts.tuples().all()), sort_keys=True)}"
    finally:
        engine.dispose()


def _disk(settings: Settings) -> Iterator[str]:
    path = settings.data_dir
    if not path.exists():
        yield f"{path} is not there yet"
        return
    usage = shutil.disk_usage(path)
    yield f"{path}: {usage.free / MEGABYTE:.0f} MB free of {usage.total / MEGABYTE:.0f} MB"
    for entry in sorted(path.iterdir()):
        kind = "directory" if entry.is_dir() else f"{entry.stat().st_size / MEGABYTE:.1f} MB"
        yield f"{entry.name}: {kind}, mode {entry.stat().st_mode & 0o777:o}"


def _log(settings: Settings) -> Iterator[str]:
    path = settings.data_dir / settings.log.file
    if not settings.log.file:
        yield "no file of it is kept ([log] file is empty); see its standard error output: journalctl -u postroom"
        return
    if not path.exists():
        yield f"{path} is not there: nothing went wrong since it began, or it cannot be written"
        return
    yield f"the last lines of {path}, {settings.log.file_level} and worse"
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        yield from file.read().decode(errors="replace").splitlines()[-LOG_LINES:]


def _without_secrets(text: str, settings: Settings) -> str:
    """The last line of defence: what a message of somebody else's may have quoted goes, too."""
    for secret in sorted(_secrets(settings), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    text = TOKEN.sub(rf"\g<1>{REDACTED}", text)
    return "\n".join(map(masked, text.split("\n")))


def _secrets(settings: Settings) -> set[str]:
    found = set()
    for name in SECTIONS:
        for key, value in getattr(settings, name):
            if isinstance(value, SecretStr):
                words = value.get_secret_value().split()
                found |= {_password(word) for word in words} if key == "url" else set(words)
    directory = DataDirectory(settings.data_dir).secrets
    if directory.is_dir():
        found |= {path.read_text(encoding="utf-8").strip() for path in directory.iterdir() if path.is_file()}
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET}


def _password(url: str) -> str:
    """All that is secret of an address that is not a secret itself."""
    try:
        return make_url(url).password or ""
    except ArgumentError:
        return url


def _write(path: Path, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8", errors="backslashreplace", opener=_private) as file:
            file.write(text)
    except FileExistsError as error:
        raise StartupError(f"{path} exists already and is left as it is. Name another file.") from error
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror}. Name another file, or - for none.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
