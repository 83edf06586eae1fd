"""Rules that hold for the whole repository; tools that check them run here, so that the suite has them all."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.config.settings import SECTIONS
from appliance.tasks.scheduled_tasks import PERIODIC_TASKS

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "appliance").rglob("*.py"))
MOST_LINES = 300
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def tool(*arguments: str) -> str:
    """Runs a tool as a module; its output where it failed, nothing where it succeeded."""
    result = subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def pins_of(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def test_imports_point_downwards() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


def test_types_are_right() -> None:
    assert tool("mypy") == ""


def test_lint_finds_nothing() -> None:
    assert tool("ruff", "check", "--no-cache") == ""


def test_code_is_formatted() -> None:
    assert tool("ruff", "format", "--check", "--no-cache") == ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_stand_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]

    imports = [
        f"line {node.lineno}"
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert imports == []


def test_every_periodic_task_has_a_schedule() -> None:
    assert set(PERIODIC_TASKS) == set(SECTIONS["schedule"].model_fields)


def test_lock_file_of_the_tests_holds_that_of_a_start() -> None:
    run, test = pins_of("requirements.lock"), pins_of("requirements-test.lock")

    assert run.items() <= test.items(), "make both lock files again (CONTRIBUTING.md)"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_lock_file_is_hashed_and_names_no_place(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())

    assert len(blocks) > 50
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    assert "file:" not in text
