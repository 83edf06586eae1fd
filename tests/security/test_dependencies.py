"""No pinned package has a known vulnerability, as far as the database of OSV (https://osv.dev) can be asked."""

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
URL = os.environ.get("OSV_URL", "https://api.osv.dev")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE | re.IGNORECASE)
SECONDS = 20
AT_ONCE = 500

ACCEPTED: dict[str, str] = {}
"""Vulnerabilities that do not touch this program, each with the reason; looked at again whenever a pin changes."""


def pins(name: str) -> list[tuple[str, str]]:
    found = PIN.findall((ROOT / name).read_text(encoding="utf-8"))
    assert len(found) > 30
    return found


def ask(path: str, question: Any) -> Any:
    """Skips where nobody answers: a box without internet proves nothing here, and says so."""
    request = urllib.request.Request(
        f"{URL}{path}", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return json.load(response)
    except (OSError, ValueError) as error:
        pytest.skip(f"{URL} cannot be asked about vulnerabilities: {error}")


def known(packages: list[tuple[str, str]]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and what is known of it."""
    for start in range(0, len(packages), AT_ONCE):
        some = packages[start : start + AT_ONCE]
        queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in some]
        results = ask("/v1/querybatch", {"queries": queries})["results"]
        assert len(results) == len(some)
        for (name, version), result in zip(some, results, strict=True):
            yield name, version, [one["id"] for one in result.get("vulns", [])]


def test_the_database_knows_a_vulnerability_that_everybody_knows() -> None:
    """Else its silence about ours would mean nothing."""
    [(_, _, found)] = known([("jinja2", "2.4.1")])

    assert found


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_no_pinned_package_has_a_known_vulnerability(name: str) -> None:
    vulnerable = {
        f"{package} {version}": fresh
        for package, version, found in known(pins(name))
        if (fresh := [one for one in found if one not in ACCEPTED])
    }

    assert vulnerable == {}
