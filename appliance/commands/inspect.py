"""`python run.py inspect active|reserved|stats|registered`: asks the worker of the running appliance."""

import argparse
import json
import sys

from appliance.commands import running
from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded

NAME = "inspect"
HELP = "ask the worker of the running appliance what it does"
NEEDS_SETTINGS = True
QUESTIONS = ("active", "reserved", "stats", "registered", "ping")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=QUESTIONS, help="active or reserved tasks, statistics, registered tasks")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    answer = running.ask(DataDirectory(loaded.settings.data_dir), f"/api/v1/system/inspect/{arguments.what}")
    json.dump(answer, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    return 0
