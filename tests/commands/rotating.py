"""Rotates the keys of copies of a data directory, each in a process of its own that dies at a given step.

A step is a call of any function of ours, so the process dies between any two of them: before, between and after each
write, and in the middle of the command's own bookkeeping. Prints, of each copy, whether it came to the end.

`python -m tests.commands.rotating DATA_DIR COPIES STRIDE`
"""

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from appliance.commands import secrets
from appliance.config.loader import Loaded
from appliance.config.settings import ApplianceSettings, Settings

OURS = ("appliance.services.secret_rotation", "appliance.commands.secrets", "appliance.config", "appliance.db.")
FINISHED, KILLED = "finished", "killed"


def main(data_dir: Path, copies: Path, stride: int) -> None:
    step, outcome = 1, KILLED
    while outcome != FINISHED:
        target = copies / str(step)
        shutil.copytree(data_dir, target)
        outcome = attempt(target, step)
        print(step, outcome, flush=True)
        step += stride


def attempt(data_dir: Path, step: int) -> str:
    child = os.fork()
    if child == 0:
        left = [step]

        def count(frame: FrameType, event: str, _argument: Any) -> None:
            if event in ("call", "return") and str(frame.f_globals.get("__name__")).startswith(OURS):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        settings = Settings(base_dir=data_dir, appliance=ApplianceSettings(data_dir=data_dir))
        secrets.run(argparse.Namespace(action="rotate"), Loaded(settings, {}, None))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return KILLED
    assert os.WEXITSTATUS(status) == 0
    return FINISHED


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
