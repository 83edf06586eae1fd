"""Passwords of people: what they must be, and argon2 around them."""

import secrets
from collections.abc import Callable
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.errors import FieldError
from appliance.language import gettext

SHORTEST = 10
LONGEST = 1024
RunNative = Callable[[Callable[[], Any]], Any]

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another one: people copy it by hand


def generated() -> str:
    """A new one, of 79 random bits, in groups that can be read out."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def faults(password: str, field: str = "password") -> list[FieldError]:
    if SHORTEST <= len(password) <= LONGEST:
        return []
    sentence = gettext("Give a password of %(least)s to %(most)s characters.", least=SHORTEST, most=LONGEST)
    return [FieldError(field, sentence)]


class Passwords:
    """`run_native` keeps argon2, slow on purpose, off the event loop."""

    def __init__(self, run_native: RunNative) -> None:
        self._run_native = run_native
        self._hasher = PasswordHasher()
        self._nobody = ""

    def hash(self, password: str) -> str:
        hashed: str = self._run_native(lambda: self._hasher.hash(password))
        return hashed

    def verify(self, password_hash: str | None, password: str) -> bool:
        """With None it takes as long, and is False: a name that nobody has must not be told by the time."""
        known = password_hash if password_hash is not None else self._hash_of_nobody()

        def verify() -> bool:
            try:
                return self._hasher.verify(known, password[:LONGEST])
            except (VerificationError, InvalidHashError):
                return False

        matches: bool = self._run_native(verify)
        return matches and password_hash is not None

    def _hash_of_nobody(self) -> str:
        """Made when it is first needed, for it takes a tenth of a second."""
        self._nobody = self._nobody or self.hash("a password that nobody has")
        return self._nobody
