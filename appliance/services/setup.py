"""The first run: a one-time link lets one person create the first user."""

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from appliance.clock import Clock
from appliance.config import setup_link
from appliance.services import audit
from appliance.services.permission import Role
from appliance.services.users import Users


class TokenState(StrEnum):
    GOOD = "good"
    WRONG = "wrong"
    EXPIRED = "expired"
    DONE = "done"


class Setup:
    """The token lives in memory: a restart makes a new one, and nothing on disk gives it away.

    With `data_dir`, a token that the command line has left there does as well.
    """

    def __init__(self, users: Users, *, minutes: int, clock: Clock, data_dir: Path | None = None) -> None:
        self._data_dir = data_dir
        self._users = users
        self._minutes = minutes
        self._clock = clock
        self._announce: Callable[[str], None] = lambda _token: None
        self._lock = threading.Lock()
        self._token = ""
        self._expires_at: datetime | None = None

    def begin(self, announce: Callable[[str], None]) -> None:
        """If nobody can sign in yet, shows a token by `announce(token)`, where only the operator looks: in the log."""
        self._announce = announce
        if not self._users.exist():
            self._renew()

    def pending(self) -> bool:
        return not self._users.exist()

    def check(self, token: str) -> TokenState:
        """An expired token is replaced, and the new link announced, so that a late reader is not locked out."""
        if self._users.exist():
            return TokenState.DONE
        if self._data_dir is not None and setup_link.opens(self._data_dir, token, self._clock()):
            return TokenState.GOOD
        with self._lock:
            expired = self._expires_at is None or self._clock() >= self._expires_at
            matches = bool(self._token) and hmac.compare_digest(token.encode(), self._token.encode())
        if expired:
            self._renew()
            return TokenState.EXPIRED
        return TokenState.GOOD if matches else TokenState.WRONG

    def create_first_user(self, token: str, name: str, password: str) -> str | TokenState:
        """The new user's id, or why the token did not do. Raises InvalidInput, Conflict."""
        state = self.check(token)
        if state is not TokenState.GOOD:
            return state
        with audit.act_as(replace(audit.acting(), name="the setup link", role=Role.ADMINISTRATOR)):
            user_id = self._users.create(name, password, first=True)
        with self._lock:
            self._token, self._expires_at = "", None
        if self._data_dir is not None:
            setup_link.forget(self._data_dir)
        return user_id

    def _renew(self) -> None:
        with self._lock:
            self._token = secrets.token_urlsafe(24)
            self._expires_at = self._clock() + timedelta(minutes=self._minutes)
        self._announce(self._token)
