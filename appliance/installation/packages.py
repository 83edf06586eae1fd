"""What setup.cfg asks for and the lock file pins, compared with what the running interpreter has."""

import configparser
import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement

_PIN = re.compile(r"^(?P<requirement>[a-z0-9][^\\#]*==[^\\#]*)", re.IGNORECASE)


def missing_packages(setup_cfg: Path, extras: Sequence[str] = ()) -> list[str]:
    """Requirements that are not met, those of the packages themselves included, as `name>=version`."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(setup_cfg, encoding="utf-8")
    lines = [setup["options"]["install_requires"], *(setup["options.extras_require"][extra] for extra in extras)]
    pending = [Requirement(line) for text in lines for line in text.splitlines() if line]
    missing, seen = [], set()
    while pending:
        requirement = pending.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        version = installed_version(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{requirement.name}{requirement.specifier}")
        else:
            pending += _needs_of(requirement)
    return sorted(missing)


def differing_packages(lock_file: Path) -> list[tuple[str, str, str | None]]:
    """Name, pinned version and installed version (None: not there) of each package that is not the pinned one."""
    found = []
    for requirement in _pins(lock_file):
        pinned = str(requirement.specifier).removeprefix("==")
        version = installed_version(requirement.name)
        if version != pinned:
            found.append((requirement.name, pinned, version))
    return found


def installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _needs_of(requirement: Requirement) -> Iterator[Requirement]:
    for line in importlib.metadata.requires(requirement.name) or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in requirement.extras or {""}):
            need.marker = None  # it was for the one that needs it, and applies
            yield need


def _pins(lock_file: Path) -> Iterator[Requirement]:
    for line in lock_file.read_text(encoding="utf-8").splitlines():
        if pin := _PIN.match(line):
            requirement = Requirement(pin["requirement"].strip())
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement
