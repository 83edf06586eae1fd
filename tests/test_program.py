"""The command that remedies name is one that this system has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.program import PROGRAM

ROOT = Path(__file__).resolve().parents[1]


def test_interpreter_that_remedies_name_is_there() -> None:
    interpreter, script = PROGRAM.split()

    assert shutil.which(interpreter)
    assert (ROOT / script).exists()


@pytest.mark.parametrize(("present", "named"), [(["python", "python3"], "python"), (["python3"], "python3")])
def test_name_that_is_there_is_used(tmp_path: Path, present: list[str], named: str) -> None:
    for name in present:
        (tmp_path / name).symlink_to(sys.executable)
    code = "from appliance.program import PROGRAM; print(PROGRAM)"

    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )

    assert said.stdout == f"{named} run.py\n"
