import importlib.metadata
from pathlib import Path

import pytest

from appliance.installation.packages import differing_packages, missing_packages


@pytest.fixture
def setup_cfg(tmp_path: Path) -> Path:
    return tmp_path / "setup.cfg"


def written(path: Path, requirement: str) -> Path:
    path.write_text(f"[options]\ninstall_requires =\n    {requirement}\n[options.extras_require]\ntest =\n    absent\n")
    return path


def test_what_the_project_asks_for_is_there() -> None:
    assert missing_packages(Path("setup.cfg"), extras=("test",)) == []


def test_package_that_is_not_there_is_missing(setup_cfg: Path) -> None:
    assert missing_packages(written(setup_cfg, "flask"), extras=("test",)) == ["absent"]


def test_package_of_another_version_is_missing(setup_cfg: Path) -> None:
    assert missing_packages(written(setup_cfg, "flask>=99")) == ["flask>=99"]


def test_requirement_for_another_system_does_not_count(setup_cfg: Path) -> None:
    assert missing_packages(written(setup_cfg, "absent; sys_platform == 'win32'")) == []


def test_pinned_version_is_compared_with_the_installed_one(tmp_path: Path) -> None:
    flask = importlib.metadata.version("flask")
    lock_file = tmp_path / "requirements.lock"
    lock_file.write_text(
        f"flask=={flask} \\\n    --hash=sha256:00\nwaitress==0.1 \\\n    --hash=sha256:00\n"
        "absent==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\nabsent==2.0\n"
    )

    assert differing_packages(lock_file) == [
        ("waitress", "0.1", importlib.metadata.version("waitress")),
        ("absent", "2.0", None),
    ]
