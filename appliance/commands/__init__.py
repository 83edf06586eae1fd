"""The commands of `python run.py`, one module each. A new one is a new module and a line in the table."""

import argparse
from typing import Any, Protocol

from appliance.commands import (
    apikey,
    backup,
    check,
    compact,
    doctor,
    inspect,
    restore,
    secrets,
    start,
    systemd,
    user,
    version,
)


class Command(Protocol):
    """What a module of this package offers."""

    NAME: str
    HELP: str
    NEEDS_SETTINGS: bool

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None: ...

    def run(self, arguments: argparse.Namespace, loaded: Any, /) -> int:
        """Returns the exit code. Results go to standard output, all else to standard error.

        `loaded` is a `Loaded`, or None where NEEDS_SETTINGS is False: such a command runs even if config.ini is wrong.
        """


DEFAULT: Command = start
COMMANDS: tuple[Command, ...] = (
    start,
    check,
    user,
    apikey,
    backup,
    restore,
    inspect,
    doctor,
    compact,
    secrets,
    systemd,
    version,
)
