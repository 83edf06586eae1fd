"""What an administrator changes about people. The last administrator always stays one: nobody is locked out."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, User, UserSession
from appliance.db.models.user import ADMINISTRATOR
from appliance.db.queries import access
from appliance.errors import InvalidInput, NotFound, WrongState
from appliance.language import gettext
from appliance.services import audit, passwords
from appliance.services.passwords import Passwords
from appliance.services.permission import Permission, needs
from appliance.services.users import role_faults

Change = Callable[[Session, User], Mapping[str, Any] | None]
"""Returns what the audit tells of it; None: nothing changed."""


class UserChanges:
    """Each raises NotFound where there is no such user, and Forbidden."""

    def __init__(
        self,
        database: Database,
        passwords_: Passwords,
        *,
        clock: Clock,
        forget: Callable[[str], object] = lambda _user_id: None,
    ) -> None:
        """`forget` ends what a full disk left of a user's sessions in memory alone."""
        self._database = database
        self._passwords = passwords_
        self._clock = clock
        self._forget = forget

    @needs(Permission.ADMINISTER)
    def id_of(self, name: str) -> str:
        with self._database.read() as session:
            user = access.user_by_name(session, name)
        if user is None:
            raise NotFound("user", name)
        return user.id

    @needs(Permission.ADMINISTER)
    def set_role(self, user_id: str, role: str) -> None:
        """Signs the user out, so that no session has rights of before. Raises InvalidInput, WrongState."""
        if errors := role_faults(role):
            raise InvalidInput(errors)

        def change(session: Session, user: User) -> Mapping[str, Any] | None:
            if user.role == role:
                return None
            before, user.role = user.role, str(role)
            UserSession.end(session, user.id)
            return {"name": user.name, "role": [before, str(role)]}

        self._change(user_id, "user.role_changed", change, keeps_administrator=role == ADMINISTRATOR)

    @needs(Permission.ADMINISTER)
    def disable(self, user_id: str) -> None:
        """The user is signed out at once, and cannot come in until enabled again. Raises WrongState."""

        def change(session: Session, user: User) -> Mapping[str, Any]:
            user.active = False
            UserSession.end(session, user.id)
            return {"name": user.name}

        self._change(user_id, "user.disabled", change)

    @needs(Permission.ADMINISTER)
    def enable(self, user_id: str) -> None:
        def change(_session: Session, user: User) -> Mapping[str, Any]:
            user.active = True
            return {"name": user.name}

        self._change(user_id, "user.enabled", change, keeps_administrator=True)

    @needs(Permission.ADMINISTER)
    def remove(self, user_id: str) -> None:
        """What the user did stays in the audit. Raises WrongState."""

        def change(session: Session, user: User) -> Mapping[str, Any]:
            session.delete(user)
            return {"name": user.name, "role": user.role}

        self._change(user_id, "user.removed", change)

    @needs(Permission.ADMINISTER)
    def reset_password(self, user_id: str) -> str:
        """Returns the new password, which must be changed at the next sign-in. The user is signed out everywhere."""
        password = passwords.generated()
        password_hash = self._passwords.hash(password)

        def change(session: Session, user: User) -> Mapping[str, Any]:
            user.password_hash, user.must_change_password = password_hash, True
            UserSession.end(session, user.id)
            return {"name": user.name}

        self._change(user_id, "user.password_reset", change, keeps_administrator=True)
        return password

    @needs(Permission.ADMINISTER)
    def remove_second_factor(self, user_id: str) -> None:
        """For somebody who has lost the device and the recovery codes. Signs out everywhere."""

        def change(session: Session, user: User) -> Mapping[str, Any]:
            user.forget_second_factor(session)
            UserSession.end(session, user.id)
            return {"name": user.name}

        self._change(user_id, "user.second_factor_removed", change, keeps_administrator=True)

    @needs(Permission.ADMINISTER)
    def sign_out(self, user_id: str) -> None:
        """Everywhere."""

        def change(session: Session, user: User) -> Mapping[str, Any]:
            return {"name": user.name, "sessions": UserSession.end(session, user.id)}

        self._change(user_id, "user.signed_out", change, keeps_administrator=True)

    def _change(self, user_id: str, action: str, change: Change, *, keeps_administrator: bool = False) -> None:
        row = audit.entry(action, user_id, {}, self._clock())
        last = gettext(
            "This is the last administrator who can sign in. Make somebody else an administrator first, "
            "so that nobody is locked out."
        )

        def write(session: Session) -> None:
            administrators = None if keeps_administrator else User.lock_administrators(session)
            user = User.locked(session, user_id)  # before sessions end: who is coming in at this moment has one then
            if user is None:
                raise NotFound("user", user_id)
            if administrators == {user_id}:
                raise WrongState(last)
            detail = change(session, user)
            if detail is not None:
                AuditEntry.note(session, row | {"detail": dict(detail)})

        self._database.write(write)
        self._forget(user_id)
