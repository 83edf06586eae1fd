"""docs/security.md names a test for each threat, and every one that it names exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
THREATS = re.compile(r"^## Threats: (.+)$", re.MULTILINE)


def rows() -> list[str]:
    """Of the tables of threats, without their heads."""
    sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    lines = [line for section in sections if section.startswith("Threats") for line in section.splitlines()]
    return [line for line in lines if line.startswith("| ") and not line.startswith("| threat ")]


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_threat_names_its_test() -> None:
    assert len(THREATS.findall(TEXT)) == 5
    assert len(rows()) > 40
    for row in rows():
        threat, answer, proof = (cell.strip() for cell in row.strip("|").split(" | "))
        assert threat, row
        assert answer, row
        assert NAMED.search(proof), row


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(TEXT)
    assert named
    missing = [
        f"{path}::{test}"
        for path, test in named
        if not (ROOT / path).is_file() or (test and test not in names_in(ROOT / path))
    ]

    assert missing == []


def test_every_module_of_this_directory_is_named() -> None:
    """What is proven here and stands nowhere would be forgotten."""
    modules = {f"tests/security/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}

    assert modules - {path for path, _ in NAMED.findall(TEXT)} == set()
