import os
from collections.abc import Iterator

import pytest

NOBODY = 65534


@pytest.fixture
def as_ordinary_user() -> Iterator[None]:
    """Root may do anything, so what is refused to others is tested as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)
