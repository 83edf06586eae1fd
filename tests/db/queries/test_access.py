import pytest

from appliance.db.database import Database
from appliance.db.models import User
from appliance.db.queries import access
from tests.fakes import NOON


@pytest.mark.parametrize(
    ("stored", "asked"), [("Alice", "alice"), ("alice", " ALICE "), ("Ärla", "Ärla"), ("张伟", "张伟")]
)
def test_user_is_found_whatever_the_case(database: Database, stored: str, asked: str) -> None:
    database.write(lambda s: s.add(User(id="usr_1", name=stored, password_hash="", created_at=NOON)))

    with database.read() as session:
        found = access.user_by_name(session, asked)
        assert found is not None
        assert (found.id, access.has_users(session)) == ("usr_1", True)
        assert access.user_by_name(session, "bob") is None
