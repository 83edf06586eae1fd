"""Starts Postroom. `python run.py` is the appliance, `python run.py --help` lists everything else it can do.

Until the packages are there this file gets by with the standard library: it makes `.venv` beside itself from the lock
file, goes on inside it, and installs nothing at the next start. An interpreter that has the packages is used as it is.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python could stumble over
    sys.exit(
        "Postroom needs Python 3.11 or newer, and this is Python {}.{} ({}). "
        "Start it with a newer one, such as: python3.11 run.py".format(*sys.version_info[:2], sys.executable)
    )

import gc
import importlib.util
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # also when this file is run by another one

try:
    from appliance.installation.environment import Environment, SetupError, say
except ModuleNotFoundError as error:
    if error.name != "fcntl":
        raise
    sys.exit("Postroom runs on Linux (and on macOS for trying it out); this Python has no `fcntl` module.")


def main(argv: list[str]) -> int:
    wanted = "test" if argv[:1] == ["test"] else "run"
    try:
        ensure_packages(wanted, argv)
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Interrupted. The next start finishes the installation.")
        return 130
    return start(wanted, argv)


def ensure_packages(wanted: str, argv: list[str]) -> None:
    """Returns in an interpreter that has the packages; goes on in another one (and does not return) otherwise."""
    environment = Environment(ROOT)
    if environment.is_running() and environment.is_ours():
        if environment.hold() and environment.is_current(wanted):
            return
        environment.release()
    elif has_packages(wanted):
        return
    if not environment.is_current(wanted):
        environment.install(wanted)
    environment.enter([str(ROOT / "run.py"), *argv])


def has_packages(wanted: str) -> bool:
    if importlib.util.find_spec("gevent") is None or importlib.util.find_spec("packaging") is None:
        return False  # the quick answer of a bare interpreter
    from appliance.installation.packages import missing_packages

    return not missing_packages(ROOT / "setup.cfg", extras=("test",) if wanted == "test" else ())


def start(wanted: str, argv: list[str]) -> int:
    from gevent import monkey

    monkey.patch_all()  # before any import that could keep an unpatched socket or lock
    if wanted == "test":
        import pytest

        os.chdir(ROOT)
        return int(pytest.main(argv[1:]))
    gc.disable()  # looking for garbage while modules are imported takes a fifth of a start and frees 3 MiB
    try:
        from appliance.main import main as appliance_main
    except ModuleNotFoundError as error:
        say(missing(error.name or ""))
        return 1
    finally:
        gc.freeze()
        gc.enable()
    return appliance_main(argv)


def missing(module: str) -> str:
    """One line on a module that was there when the environment was made, or that an interpreter of one's own lacks."""
    if module.partition(".")[0] == "appliance":
        return f"The file of {module} is missing from this checkout. `git status` shows what is gone."
    if Environment(ROOT).is_running():
        return f"The package of the module {module} is gone from {sys.prefix}. Remove that directory and start again."
    return f"The package of the module {module} is missing from {sys.prefix}. Install it there."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
