"""Fixtures that every test may ask for. The process is patched as the appliance is, so greenlets meet real sockets."""

from gevent import monkey

monkey.patch_all()

from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

from appliance.config.settings import ApplianceSettings, Settings  # noqa: E402
from tests.waiting import wait_until  # noqa: E402


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, with a data directory of the test's own."""
    return Settings(base_dir=tmp_path, appliance=ApplianceSettings(data_dir=tmp_path / "var"))


@pytest.fixture
def eventually() -> Iterator[Callable[..., None]]:
    """`wait_until`, for tests that read better with it as a fixture."""
    yield wait_until
