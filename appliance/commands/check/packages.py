"""The installed packages against what setup.cfg asks for and the lock file pins."""

import sys
from collections.abc import Iterator

from appliance.commands.check.finding import Finding, ok, problem, warning
from appliance.config.loader import base_directory
from appliance.config.settings import Settings
from appliance.installation.environment import LOCK_FILES
from appliance.installation.packages import differing_packages, missing_packages

SUBJECT = "packages"
_MOST_NAMES = 5


def check(_settings: Settings) -> Iterator[Finding]:
    root = base_directory()
    lock_file = root / LOCK_FILES["run"]
    if not lock_file.exists():
        yield ok(SUBJECT, f"installed in {sys.prefix}, without a lock file to compare with")
        return
    missing = missing_packages(root / "setup.cfg")
    if missing:
        yield problem(SUBJECT, f"missing or of the wrong version: {_names(missing)}", f"remove {sys.prefix} and start")
        return
    differing = [f"{name} {found} (lock file: {pinned})" for name, pinned, found in differing_packages(lock_file)]
    if differing:
        yield warning(
            SUBJECT,
            f"{sys.prefix} has other versions than those that were tested: {_names(differing)}",
            f"pip install --no-deps -r {lock_file.name}",
        )
    else:
        yield ok(SUBJECT, f"as in {lock_file.name}, in {sys.prefix}")


def _names(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
