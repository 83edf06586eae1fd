"""`python run.py version`: for a bug report."""

import argparse
import platform
import sqlite3

from appliance import __version__
from appliance.installation.packages import installed_version

NAME = "version"
HELP = "print the versions of Postroom and of what it stands on"
NEEDS_SETTINGS = False

PACKAGES = ("celery", "flask", "flower", "gevent", "sqlalchemy", "apscheduler", "waitress")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(_arguments: argparse.Namespace, _loaded: None) -> int:
    print(f"postroom {__version__}")
    print(f"python {platform.python_version()} on {platform.platform()}")
    print(f"sqlite {sqlite3.sqlite_version}")
    for name in PACKAGES:
        print(f"{name} {installed_version(name) or 'missing'}")
    return 0
