"""`python run.py check`: everything that could keep the appliance from starting or working, all of it at once."""

import argparse
import os
from collections.abc import Iterator
from itertools import chain

from appliance.commands.check import (
    address,
    alert_urls,
    backup_directory,
    broker,
    clock,
    configuration,
    data_directory,
    database,
    packages,
    ports,
)
from appliance.commands.check.finding import Check, Finding, Level, problem
from appliance.config import loader
from appliance.config.loader import Loaded
from appliance.config.masking import masked
from appliance.config.settings import Settings

NAME = "check"
HELP = "check configuration, packages, disks, database, broker, ports and clock; exit 1 if there is a problem"
NEEDS_SETTINGS = False  # a wrong config.ini is one of the things it reports

CHECKS: tuple[Check, ...] = (
    packages.check,
    data_directory.check,
    backup_directory.check,
    database.check,
    broker.check,
    ports.check,
    address.check,
    alert_urls.check,
    clock.check,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--alerts", action="store_true", help="also tell each URL of [alerts] urls a test")


def run(arguments: argparse.Namespace, _loaded: None) -> int:
    levels = set()
    loaded, problems = loader.examine(arguments.config, os.environ)
    found = findings(loaded, problems)
    if arguments.alerts:
        found = chain(found, _guarded(alert_urls.tell, loaded.settings))
    for finding in found:
        print(finding, flush=True)
        levels.add(finding.level)
    return 1 if Level.PROBLEM in levels else 0


def findings(loaded: Loaded, problems: list[str]) -> Iterator[Finding]:
    """On what was read, `problems` of which are known already."""
    yield from (problem(configuration.SUBJECT, line, "correct it") for line in problems)
    yield from configuration.check(loaded)
    for check in CHECKS:
        yield from _guarded(check, loaded.settings)


def _guarded(check: Check, settings: Settings) -> Iterator[Finding]:
    """A check that breaks is itself a problem to report, and no reason to leave the others out."""
    try:
        yield from check(settings)
    except Exception as error:  # noqa: BLE001 - the outermost edge of a check
        subject = check.__module__.rpartition(".")[2].replace("_", " ")
        yield problem(subject, f"cannot be checked: {masked(f'{type(error).__name__}: {error}')}", "report it")
