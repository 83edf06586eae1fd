"""`python run.py user add|reset-password`, also while the appliance runs."""

import argparse
import getpass
import os
import sys

from appliance.bootstrap import open_database, prepared_data_directory, secret_from, users_of
from appliance.config.loader import Loaded
from appliance.errors import ApplianceError

NAME = "user"
HELP = "add a user, or give one a new password"
NEEDS_SETTINGS = True
PASSWORD_VARIABLE = "USER_PASSWORD"  # noqa: S105 - the name of a variable


class PasswordsDiffer(ApplianceError):
    """The two passwords that were typed are not the same."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    for action, text in (("add", "add a user"), ("reset-password", "set a new password, and sign out everywhere")):
        one = actions.add_parser(
            action, help=text, description=f"{text}; the password is asked for, or read from a pipe"
        )
        one.add_argument("name")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    password = _password()
    prepared_data_directory(loaded.settings)
    database = open_database(loaded.settings)
    users = users_of(database)
    try:
        if arguments.action == "add":
            users.create(arguments.name, password)
            sys.stderr.write(f"{arguments.name} can sign in now.\n")
        else:
            users.reset_password(arguments.name, password)
            sys.stderr.write(f"{arguments.name} has a new password and is signed out everywhere.\n")
    finally:
        database.stop()
    return 0


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
