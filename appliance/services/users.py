"""People: the first one, their passwords, signing in."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, User
from appliance.db.queries import access
from appliance.db.types import new_id
from appliance.errors import Conflict, FieldError, InvalidInput, NotFound, StorageUnavailable
from appliance.services import audit

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1024
RunNative = Callable[[Callable[[], Any]], Any]


class Users:
    """`run_native` keeps argon2, slow on purpose, off the event loop."""

    def __init__(self, database: Database, *, run_native: RunNative, clock: Clock) -> None:
        self._database = database
        self._run_native = run_native
        self._clock = clock
        self._hasher = PasswordHasher()
        self._nobody = ""

    def exist(self) -> bool:
        with self._database.read() as session:
            return access.has_users(session)

    def create(self, name: str, password: str, *, first: bool = False) -> str:
        """Returns the user's id. With `first`, only while there is nobody yet.

        Raises:
            InvalidInput: name or password break a rule.
            Conflict: the name is taken, or (`first`) somebody was faster.
        """
        _check(name, password)
        password_hash = self._hash(password)
        user_id, now = new_id("usr"), self._clock()
        row = audit.entry("user.created", user_id, {"name": name.strip(), "first": first}, now)

        def write(session: Session) -> None:
            if first and access.has_users(session):
                raise Conflict("The appliance is set up already. Sign in.")
            if access.user_by_name(session, name) is not None:
                raise Conflict(f"There is a user {name.strip()!r} already. Choose another name.")
            session.add(User(id=user_id, name=name.strip(), password_hash=password_hash, created_at=now))
            AuditEntry.note(session, row)

        try:
            self._database.write(write)
        except IntegrityError as error:  # on a database server two can ask at once, and both find the name free
            raise Conflict(f"There is a user {name.strip()!r} already. Choose another name.") from error
        return user_id

    def reset_password(self, name: str, password: str) -> None:
        """Also signs the user out everywhere. Raises NotFound, InvalidInput."""
        _check(name, password)
        password_hash = self._hash(password)
        row = audit.entry("user.password_reset", "", {"name": name.strip()}, self._clock())

        def write(session: Session) -> None:
            user = access.user_by_name(session, name)
            if user is None:
                raise NotFound("user", name)
            user.password_hash = password_hash
            user.session_epoch += 1
            AuditEntry.note(session, row | {"target": user.id})

        self._database.write(write)

    def authenticate(self, name: str, password: str) -> User | None:
        """Takes as long for a name that nobody has."""
        with self._database.read() as session:
            user = access.user_by_name(session, name)
        matches = self._verify(user.password_hash if user else self._hash_of_nobody(), password)
        return user if matches else None

    def note_sign_in(self, user: User) -> None:
        """For the audit: this person comes in."""
        self._note("user.signed_in", user.id, user.name)

    def note_refusal(self, name: str) -> None:
        """For the audit: somebody gave this name with a password that is not the one."""
        self._note("user.sign_in_failed", "", name)

    def _note(self, action: str, target: str, name: str) -> None:
        row = audit.entry(action, target, {"name": name}, self._clock())
        with suppress(StorageUnavailable):  # a person comes in also when the disk is full: to do something about it
            self._database.write(lambda session: AuditEntry.note(session, row))

    def _hash_of_nobody(self) -> str:
        """Made when it is first needed, for it takes a tenth of a second."""
        self._nobody = self._nobody or self._hash("a password that nobody has")
        return self._nobody

    def _hash(self, password: str) -> str:
        hashed: str = self._run_native(lambda: self._hasher.hash(password))
        return hashed

    def _verify(self, password_hash: str, password: str) -> bool:
        def verify() -> bool:
            try:
                return self._hasher.verify(password_hash, password[:LONGEST_PASSWORD])
            except (VerificationError, InvalidHashError):
                return False

        matches: bool = self._run_native(verify)
        return matches


def _check(name: str, password: str) -> None:
    errors = []
    if not 0 < len(name.strip()) <= 200 or not name.isprintable():
        errors.append(FieldError("name", "Give a name of 1 to 200 characters."))
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        errors.append(
            FieldError("password", f"Give a password of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
        )
    if errors:
        raise InvalidInput(errors)
