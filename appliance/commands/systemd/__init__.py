"""`python run.py systemd`: prints a unit for this checkout, or puts it in place."""

import argparse
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from appliance.commands.systemd.unit import Unit
from appliance.config.data_dir import user_name
from appliance.config.loader import Loaded, base_directory
from appliance.errors import StartupError
from appliance.installation.environment import BASE_PYTHON, Environment

NAME = "systemd"
HELP = "print a systemd unit for this installation, or put it in place with --install"
NEEDS_SETTINGS = True

UNIT_NAME = "postroom.service"
UNIT_DIRECTORY = Path("/etc/systemd/system")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", help="the user that the appliance runs as; default: the owner of the data directory")
    parser.add_argument(
        "--install", action="store_true", help=f"write {UNIT_DIRECTORY / UNIT_NAME} and have systemd read it"
    )


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    user = _known_user(arguments.user or _owner(loaded.settings.data_dir))
    if arguments.install and os.geteuid() != 0:
        raise StartupError("Only root can put a unit in place: sudo python3 run.py systemd --install")
    if user.pw_uid == 0:
        print(
            "This unit runs as root, which Postroom does not need. Give it a user of its own: --user NAME",
            file=sys.stderr,
        )
    text = _unit(loaded, user.pw_name).text()
    if not arguments.install:
        print(text, end="")
        return 0
    _give_data_directory(loaded.settings.data_dir, user)
    _install(text)
    print(f"{UNIT_DIRECTORY / UNIT_NAME} is in place. Start it now and at every boot: systemctl enable --now postroom")
    return 0


def _unit(loaded: Loaded, user: str) -> Unit:
    root = base_directory()
    environment = Environment(root)
    return Unit(
        root=root,
        # not .venv's own interpreter: run.py then makes .venv again where it is missing
        python=Path(BASE_PYTHON if environment.is_running() else sys.executable),
        environment=environment.path,
        user=user,
        config=loaded.path.resolve() if loaded.path else None,
        settings=loaded.settings,
    )


def _owner(data_dir: Path) -> str:
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    return user_name(existing.stat().st_uid)


def _known_user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise StartupError(
            f"There is no user {name}. Make one: useradd --system --shell /usr/sbin/nologin {name}"
        ) from None


def _give_data_directory(path: Path, user: pwd.struct_passwd) -> None:
    """systemd does not start a unit whose writable paths are missing; what is there already is never given away."""
    if not path.exists():
        path.mkdir(mode=0o700, parents=True)
        os.chown(path, user.pw_uid, user.pw_gid)
    elif path.stat().st_uid != user.pw_uid:
        raise StartupError(
            f"The data directory {path} belongs to {_owner(path)}. Stop the appliance, then: "
            f"chown -R {user.pw_name}: {path}"
        )


def _install(text: str) -> None:
    try:
        (UNIT_DIRECTORY / UNIT_NAME).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartupError(f"{UNIT_DIRECTORY / UNIT_NAME} cannot be written: {error.strerror}.") from error
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        raise StartupError("The unit is written, but this machine has no systemd to read it.")
    result = subprocess.run([systemctl, "daemon-reload"], capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode != 0:
        raise StartupError(f"The unit is written, but systemd did not read it: {' '.join(result.stderr.split())}")
