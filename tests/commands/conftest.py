from collections.abc import Iterator

import pytest

from tests.logging_state import logging_kept


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    with logging_kept():
        yield
