"""The rules of passwords, and those that the box makes itself."""

import pytest
from gevent.threadpool import ThreadPool

from appliance.services import passwords
from appliance.services.passwords import LONGEST, SHORTEST, Passwords


def test_generated_ones_differ_and_keep_the_rules() -> None:
    made = {passwords.generated() for _ in range(100)}

    assert len(made) == 100
    assert not any(passwords.faults(one) for one in made)


@pytest.mark.parametrize("length", [0, SHORTEST - 1, LONGEST + 1])
def test_too_short_and_too_long_ones_break_the_rules(length: int) -> None:
    [fault] = passwords.faults("x" * length, "new")

    assert fault.field == "new"


def test_a_hash_knows_its_password_only(native: ThreadPool) -> None:
    hashing = Passwords(native.apply)
    hashed = hashing.hash("a password of alice")

    assert hashing.verify(hashed, "a password of alice")
    assert not hashing.verify(hashed, "another password")
    assert not hashing.verify("damaged", "a password of alice")
    assert not hashing.verify(None, "a password that nobody has")
