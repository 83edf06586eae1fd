"""`python run.py systemd`: prints a unit for this checkout, or puts it in place."""

import argparse
import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from appliance.commands.systemd import layout
from appliance.commands.systemd.layout import Layout
from appliance.commands.systemd.unit import Unit
from appliance.config.loader import FILE_NAME, Loaded, base_directory
from appliance.errors import StartupError
from appliance.installation.environment import BASE_PYTHON, Environment
from appliance.program import PROGRAM

NAME = "systemd"
HELP = "print a systemd unit for this installation, or put it in place with --install"
NEEDS_SETTINGS = True

UNIT_NAME = "postroom.service"
UNIT_DIRECTORY = Path("/etc/systemd/system")
FROM_ENVIRONMENT = "environment variable "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--user",
        help=f"the user that the appliance runs as; default: the owner of the data directory, else {layout.USER}",
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help=f"write {UNIT_DIRECTORY / UNIT_NAME}, make what it needs, and have systemd read it; also after an upgrade",
    )


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    if arguments.user:
        layout.known_user(arguments.user)
    if arguments.install and os.geteuid() != 0:
        raise StartupError(f"Only root can put a unit in place: sudo {PROGRAM} systemd --install")
    planned = layout.layout_of(loaded, arguments.user, os.environ)
    _warn(planned, loaded.sources)
    text = _unit(planned).text()
    if arguments.install:
        _install(planned, text)
        print(_what_is_next(planned))
    else:
        print(text, end="")
    return 0


def _warn(planned: Layout, sources: Mapping[str, str]) -> None:
    if planned.user == "root":
        _note("This unit runs as root, which Postroom does not need. Give it a user of its own: --user NAME")
    names = sorted(source.removeprefix(FROM_ENVIRONMENT) for source in sources.values() if _is_variable(source))
    if names:
        where = planned.config or "a config.ini beside run.py"
        _note(f"The service does not see the environment of this shell. Put into {where} what it needs of it:")
        _note(" ".join(names))


def _is_variable(source: str) -> bool:
    return source.startswith(FROM_ENVIRONMENT)


def _unit(planned: Layout) -> Unit:
    root = base_directory()
    environment = Environment(root)
    return Unit(
        root=root,
        python=_python(environment),
        environment=environment.path,
        user=planned.user,
        config=planned.config,
        settings=planned.settings,
    )


def _python(environment: Environment) -> Path:
    """Not .venv's own interpreter: run.py then makes .venv again where it is missing."""
    return Path(BASE_PYTHON if environment.is_running() else sys.executable)


def _install(planned: Layout, text: str) -> None:
    """Each step is harmless when it was taken before, and says what it did."""
    before = os.umask(0o022)  # what root makes here is for the service to read, whatever root's files are elsewhere
    try:
        _make_what_it_needs(planned, base_directory())
    finally:
        os.umask(before)
    place = UNIT_DIRECTORY / UNIT_NAME
    print(f"{place} {'was written' if _write(place, text) else 'is as it should be already'}.")
    _reload()


def _make_what_it_needs(planned: Layout, root: Path) -> None:
    if planned.user == layout.USER and layout.make_user(planned.user):
        print(f"The user {planned.user} was made.")
    user = layout.known_user(planned.user)
    environment = Environment(root)
    python = _python(environment)
    for needed in (root / "run.py", python, python.resolve(), *environment.path.glob("pyvenv.cfg")):
        layout.require_readable(needed, user)
    if planned.is_new and layout.make_config(planned, user):
        print(f"{planned.config} was made.")
    if planned.config is not None:
        layout.require_readable(planned.config, user)
    if layout.make_link(planned, root):
        print(f"{root / FILE_NAME} leads there, so that the commands of this checkout find it.")
    if layout.make_data_directory(planned.settings.data_dir, user):
        print(f"The data directory {planned.settings.data_dir} was made, for {planned.user} alone.")
    compileall.compile_dir(root / "appliance", quiet=2)  # the service may not keep what it compiles at each start


def _what_is_next(planned: Layout) -> str:
    root = base_directory()
    found = planned.config is None or layout.is_found(planned.config, root)
    command = f"{PROGRAM} check" if found else f"{PROGRAM} --config {planned.config} check"
    start = "Start it now and at every boot: systemctl enable --now postroom"
    if _systemctl("is-active", "--quiet", UNIT_NAME).returncode == 0:
        start = "It runs as it was before: systemctl restart postroom"
    return f"{start}\nOther commands for this installation: cd {root}; sudo -u {planned.user} {command}"


def _write(place: Path, text: str) -> bool:
    """Returns False when it says so already."""
    try:
        if place.exists() and place.read_text(encoding="utf-8") == text:
            return False
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartupError(f"{place} cannot be written: {error.strerror}.") from error
    return True


def _reload() -> None:
    result = _systemctl("daemon-reload")
    if result.returncode != 0:
        raise StartupError(f"The unit is written, but systemd did not read it: {' '.join(result.stderr.split())}")


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        raise StartupError("The unit is written, but this machine has no systemd to read it.")
    return subprocess.run([systemctl, *words], capture_output=True, text=True, check=False)  # noqa: S603


def _note(line: str) -> None:
    print(line, file=sys.stderr)
