"""`python run.py`: starts the appliance and returns when it has stopped."""

import argparse

from appliance.bootstrap import run_appliance
from appliance.config.loader import Loaded

NAME = "start"
HELP = "start the appliance (what happens without a command)"
NEEDS_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(_arguments: argparse.Namespace, loaded: Loaded) -> int:
    return run_appliance(loaded)
