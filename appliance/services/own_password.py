"""A person's own password: changed by who knows the present one."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, User, UserSession
from appliance.db.queries import access
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.language import gettext
from appliance.services import audit, passwords
from appliance.services.passwords import Passwords


class OwnPassword:
    def __init__(
        self,
        database: Database,
        passwords_: Passwords,
        *,
        clock: Clock,
        forget: Callable[[str, str], object] = lambda _user_id, _session_id: None,
    ) -> None:
        """`forget(user_id, session_id)` ends those of a user that a full disk left in memory alone, but that one."""
        self._database = database
        self._passwords = passwords_
        self._clock = clock
        self._forget = forget

    def change(self, user_id: str, current: str, new: str, *, session_id: str) -> None:
        """Ends every other session: who knew the old password is out. Raises NotFound, InvalidInput."""
        with self._database.read() as session:
            user = access.user(session, user_id)
        if user is None:
            raise NotFound("user", user_id)
        wrong = FieldError("current", gettext("That is not your current password."))
        if not self._passwords.verify(user.password_hash, current):
            raise InvalidInput([wrong])
        if errors := passwords.faults(new, "new"):
            raise InvalidInput(errors)
        if new == current:
            raise InvalidInput([FieldError("new", gettext("Give another password than the current one."))])
        password_hash = self._passwords.hash(new)
        row = audit.entry("user.password_changed", user_id, {"name": user.name}, self._clock())

        def write(session: Session) -> None:
            found = User.locked(session, user_id)
            if found is None:
                raise NotFound("user", user_id)
            if found.password_hash != user.password_hash:  # it was reset meanwhile, and perhaps because of whoever asks
                raise InvalidInput([wrong])
            found.password_hash, found.must_change_password = password_hash, False
            UserSession.end(session, user_id, but=session_id)
            AuditEntry.note(session, row)

        self._database.write(write)
        self._forget(user_id, session_id)
