"""`python run.py user add|reset-password|disable-totp|setup-link`, also while the appliance runs."""

import argparse
import getpass
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from appliance.bootstrap import (
    open_database,
    prepared_data_directory,
    secret_from,
    user_changes_of,
    users_of,
)
from appliance.clock import utc_now
from appliance.config import setup_link
from appliance.config.loader import Loaded
from appliance.db.database import Database
from appliance.errors import ApplianceError, Conflict
from appliance.services.permission import Role

NAME = "user"
HELP = "add a user, set a password, remove a second factor, make a setup link"
NEEDS_SETTINGS = True
PASSWORD_VARIABLE = "USER_PASSWORD"  # noqa: S105 - the name of a variable
ASKED = "; the password is asked for, or read from a pipe"


class PasswordsDiffer(ApplianceError):
    """The two passwords that were typed are not the same."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    for action, text, more in (
        ("add", "add a user", ASKED),
        ("reset-password", "set a new password, and sign out everywhere", ASKED),
        ("disable-totp", "remove a second factor that was lost, and sign out everywhere", ""),
    ):
        one = actions.add_parser(action, help=text, description=f"{text}{more}")
        one.add_argument("name")
        if action == "add":
            roles = [str(role) for role in Role]
            one.add_argument("--role", choices=roles, default=roles[0], help="default: %(default)s")
    link = "make a new link by which the first user is created in a browser"
    actions.add_parser("setup-link", help=link, description=link)


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    if arguments.action == "setup-link":
        return _setup_link(loaded)
    password = "" if arguments.action == "disable-totp" else _password()
    with _opened(loaded) as database:
        match arguments.action:
            case "add":
                users_of(database).create(arguments.name, password, arguments.role)
                said = "can sign in now"
            case "reset-password":
                users_of(database).reset_password(arguments.name, password)
                said = "has a new password and is signed out everywhere"
            case _:
                changes = user_changes_of(database)
                changes.remove_second_factor(changes.id_of(arguments.name))
                said = "has no second factor now and is signed out everywhere"
    sys.stderr.write(f"{arguments.name} {said}.\n")
    return 0


def _setup_link(loaded: Loaded) -> int:
    """Raises Conflict: somebody can sign in already."""
    settings = loaded.settings
    with _opened(loaded) as database:
        if users_of(database).exist():
            raise Conflict("There is a user already, so there is nothing to set up. See `user add`.")
    data_dir = prepared_data_directory(settings)
    token, minutes = secrets.token_urlsafe(24), settings.appliance.setup_minutes
    setup_link.leave(data_dir.path, token, utc_now() + timedelta(minutes=minutes))
    port = (data_dir.running() or {}).get("web_port", settings.web.port)
    base = settings.appliance.public_url.rstrip("/") or f"http://localhost:{port}"
    sys.stderr.write(f"Create the first user within {minutes} minutes, at\n")
    sys.stdout.write(f"{base}/setup?token={token}\n")
    return 0


@contextmanager
def _opened(loaded: Loaded) -> Iterator[Database]:
    prepared_data_directory(loaded.settings)
    database = open_database(loaded.settings)
    try:
        yield database
    finally:
        database.stop()


def _password() -> str:
    given = secret_from(os.environ, PASSWORD_VARIABLE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise PasswordsDiffer("The two passwords are not the same. Nothing was changed; try again.")
    return first
