"""People: the first one and further ones, and whether a password is theirs."""

from contextlib import suppress

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, User, UserSession
from appliance.db.queries import access
from appliance.db.types import new_id
from appliance.errors import Conflict, FieldError, InvalidInput, NotFound, StorageUnavailable
from appliance.language import gettext
from appliance.services import audit, passwords
from appliance.services.passwords import Passwords, RunNative
from appliance.services.permission import Permission, Role, needs

SHORTEST_PASSWORD = passwords.SHORTEST
LONGEST_PASSWORD = passwords.LONGEST
LONGEST_NAME = 200
NOBODY = "(nobody of that name)"


class Users:
    def __init__(self, database: Database, *, run_native: RunNative, clock: Clock) -> None:
        self._database = database
        self._passwords = Passwords(run_native)
        self._clock = clock

    def exist(self) -> bool:
        with self._database.read() as session:
            return access.has_users(session)

    @needs(Permission.ADMINISTER)
    def create(
        self,
        name: str,
        password: str,
        role: str = Role.ADMINISTRATOR,
        *,
        first: bool = False,
        must_change_password: bool = False,
    ) -> str:
        """Returns the user's id. With `first`, only while there is nobody yet.

        Raises:
            InvalidInput: name, password or role break a rule.
            Conflict: the name is taken, or (`first`) somebody was faster.
            Forbidden
        """
        if errors := [*_name_faults(name), *passwords.faults(password), *role_faults(role)]:
            raise InvalidInput(errors)
        name, password_hash = name.strip(), self._passwords.hash(password)
        user_id, now = new_id("usr"), self._clock()
        row = audit.entry("user.created", user_id, {"name": name, "role": str(role), "first": first}, now)
        values = {"password_hash": password_hash, "role": str(role), "must_change_password": must_change_password}
        taken = gettext("There is a user %(name)s already. Choose another name.", name=repr(name))
        too_late = gettext("The appliance is set up already. Sign in.")

        def write(session: Session) -> None:
            if first:
                User.lock_everybody(session)
                if access.has_users(session):
                    raise Conflict(too_late)
            User.lock_administrators(session)  # names differ by more than case, which no constraint sees to
            if access.user_by_name(session, name) is not None:
                raise Conflict(taken)
            session.add(User(id=user_id, name=name, created_at=now, **values))
            AuditEntry.note(session, row)

        try:
            self._database.write(write)
        except IntegrityError as error:  # on a database server two can ask at once, and both find the name free
            raise Conflict(taken) from error
        return user_id

    @needs(Permission.ADMINISTER)
    def reset_password(self, name: str, password: str, *, must_change_password: bool = False) -> None:
        """Also signs the user out everywhere. Raises NotFound, InvalidInput, Forbidden."""
        if errors := [*_name_faults(name), *passwords.faults(password)]:
            raise InvalidInput(errors)
        password_hash = self._passwords.hash(password)
        row = audit.entry("user.password_reset", "", {"name": name.strip()}, self._clock())

        def write(session: Session) -> None:
            named = access.user_by_name(session, name)
            user = User.locked(session, named.id) if named is not None else None
            if user is None:
                raise NotFound("user", name)
            user.password_hash, user.must_change_password = password_hash, must_change_password
            UserSession.end(session, user.id)
            AuditEntry.note(session, row | {"target": user.id})

        self._database.write(write)

    def authenticate(self, name: str, password: str) -> User | None:
        """Takes as long for a name that nobody has, or whose user is disabled."""
        with self._database.read() as session:
            user = access.user_by_name(session, name)
        may_come_in = user is not None and user.active
        matches = self._passwords.verify(user.password_hash if user and may_come_in else None, password)
        return user if matches else None

    def is_password_of(self, user_id: str, password: str) -> bool:
        with self._database.read() as session:
            user = access.user(session, user_id)
        return self._passwords.verify(user.password_hash if user else None, password)

    def note_sign_in(self, user: User) -> None:
        """For the audit: this person comes in."""
        self._note("user.signed_in", user.id, user.name)

    def shown(self, name: str) -> str:
        """What log and audit may tell of a name that somebody typed: it may be a password, in the wrong field."""
        with self._database.read() as session:
            return name if access.user_by_name(session, name) is not None else NOBODY

    def note_refusal(self, shown: str) -> None:
        """For the audit: somebody gave this name (see `shown`) with a password that is not the one."""
        self._note("user.sign_in_failed", "", shown)

    def note_wrong_code(self, user: User) -> None:
        """For the audit: somebody has this person's password, but not the second factor."""
        self._note("user.second_factor_failed", user.id, user.name)

    def _note(self, action: str, target: str, name: str) -> None:
        row = audit.entry(action, target, {"name": name}, self._clock())
        with suppress(StorageUnavailable):  # a person comes in also when the disk is full: to do something about it
            self._database.write(lambda session: AuditEntry.note(session, row))


def role_faults(role: str) -> list[FieldError]:
    if role in set(Role):
        return []
    return [FieldError("role", gettext("Choose administrator, operator or viewer."))]


def _name_faults(name: str) -> list[FieldError]:
    if 0 < len(name.strip()) <= LONGEST_NAME and name.isprintable():
        return []
    return [FieldError("name", gettext("Give a name of 1 to %(most)s characters.", most=LONGEST_NAME))]
