"""What `run.py backup` refuses before it begins."""

from argparse import Namespace
from pathlib import Path

import pytest

from appliance.commands import backup
from appliance.config.loader import Loaded
from appliance.config.settings import Settings
from appliance.errors import StartupError


@pytest.fixture
def loaded(settings: Settings) -> Loaded:
    settings.data_dir.mkdir()
    return Loaded(settings, {}, None)


def test_file_that_is_there_is_not_replaced(loaded: Loaded, tmp_path: Path) -> None:
    target = tmp_path / "box.tar.zst"
    target.write_text("an older backup")

    with pytest.raises(StartupError, match=r"exists already\. Give another name"):
        backup.run(Namespace(to=target, without_secrets=False), loaded)

    assert target.read_text() == "an older backup"


def test_directory_that_is_not_there_is_not_made(loaded: Loaded, tmp_path: Path) -> None:
    target = tmp_path / "not mounted" / "box.tar.zst"

    with pytest.raises(StartupError, match=r"does not exist\. Make it, or mount its disk"):
        backup.run(Namespace(to=target, without_secrets=False), loaded)

    assert not target.parent.exists()
