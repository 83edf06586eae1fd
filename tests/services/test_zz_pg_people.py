import pytest
from tests.services.test_sessions import *  # noqa

@pytest.fixture
def database(postgres_database):
    return postgres_database
