"""What a loss of power must not take back. That it is not, the power cuts show (functional/test_power_faults.py)."""

from pathlib import Path

import pytest

from appliance.durable import sync


def test_files_and_directories_can_be_synced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    sync(tmp_path / "file")
    sync(tmp_path)


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "gone")
