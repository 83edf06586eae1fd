"""Who is signed in where: rows that the box keeps, each opened by a token that only one browser has."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.settings import WebSettings
from appliance.db.database import Database
from appliance.db.models import AuditEntry, User, UserSession
from appliance.db.queries import access
from appliance.db.types import new_id
from appliance.errors import Forbidden, StorageUnavailable
from appliance.language import gettext
from appliance.services import audit

SEEN_EVERY = timedelta(minutes=1)  # a write each request would cost more than it tells
CLOCK_STEP = timedelta(minutes=5)  # by so much a clock is set right without anybody being signed out
LONGEST_DEVICE = 300
MOST_UNKEPT = 100


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody who is signed in: who, with which rights, and in which session."""

    session_id: str
    user_id: str
    name: str
    role: str
    must_change_password: bool
    last_seen_at: datetime


class Sessions:
    """A session ends by itself: `session_hours` after it began, and `session_idle_minutes` after the last request."""

    def __init__(self, database: Database, settings: WebSettings, *, clock: Clock) -> None:
        self._database = database
        self._lifetime = timedelta(hours=settings.session_hours)
        self._idle = timedelta(minutes=settings.session_idle_minutes)
        self._clock = clock
        self._lock = threading.Lock()
        self._unkept: OrderedDict[str, UserSession] = OrderedDict()

    def begin(self, user_id: str, *, address: str, device: str, password_hash: str | None = None) -> str:
        """Returns the token, which nothing else ever shows. `password_hash`: the one that was found right.

        Raises:
            Forbidden: that password was changed meanwhile, or the person may not come in any more.
        """
        token, now = secrets.token_urlsafe(32), self._clock()
        row = UserSession(
            id=new_id("ses"),
            user_id=user_id,
            token_hash=_hash(token),
            address=address[: audit.LONGEST_ADDRESS],
            device="".join(filter(str.isprintable, device))[:LONGEST_DEVICE],
            created_at=now,
            last_seen_at=now,
            expires_at=now + self._lifetime,
        )
        signed_out = _signed_out()

        def write(session: Session) -> None:
            UserSession.sweep(session, now=now, idle_since=now - self._idle)
            user = User.locked(session, user_id)
            if user is None or not user.active or password_hash not in (None, user.password_hash):
                raise Forbidden(signed_out)
            user.last_sign_in_at = now
            session.merge(row)

        try:
            self._database.write(write)
        except StorageUnavailable:
            self._keep_in_memory(row)
        return token

    def look(self, token: str) -> Presence | None:
        """Who shows this token; None when that session has ended, or the person may not come in any more."""
        token_hash, now = _hash(token), self._clock()
        with self._database.read() as session:
            found = access.session_by_hash(session, token_hash) or self._unkept.get(token_hash)
            user = access.user(session, found.user_id) if found is not None else None
        if found is None or user is None or not user.active or not self._goes_on(found, now):
            return None
        return Presence(found.id, user.id, user.name, user.role, user.must_change_password, found.last_seen_at)

    def see(self, presence: Presence, address: str) -> None:
        """Notes that it was used, once a minute at most."""
        now = self._clock()
        if now - presence.last_seen_at < SEEN_EVERY:
            return
        unkept = next((row for row in self._unkept.values() if row.id == presence.session_id), None)

        def write(session: Session) -> None:
            if unkept is not None:
                session.merge(unkept)
                session.flush()  # the next statement goes past the unit of work
            UserSession.see(session, presence.session_id, now, address[: audit.LONGEST_ADDRESS])

        # on a database server another request of the same browser can be the one that keeps it
        with suppress(StorageUnavailable, IntegrityError):
            self._database.write(write)
            if unkept is not None:
                self.forget(presence.user_id, only=unkept.id)

    def rotate(self, session_id: str) -> str:
        """A new token for the same session, after its rights have changed: the old one is worth nothing any more.

        Raises:
            Forbidden: the session has ended meanwhile.
        """
        token = secrets.token_urlsafe(32)
        if not self._database.write(lambda session: UserSession.rotate(session, session_id, _hash(token))):
            raise Forbidden(_signed_out())
        return token

    def end(self, user_id: str, session_id: str) -> None:
        """One of that user's own; harmless when it has ended."""
        self._end("user.session_ended", user_id, only=session_id)

    def end_others(self, user_id: str, but: str) -> None:
        self._end("user.other_sessions_ended", user_id, but=but)

    def end_all(self, user_id: str) -> None:
        self._end("user.signed_out", user_id)

    def _end(self, action: str, user_id: str, *, only: str | None = None, but: str | None = None) -> None:
        row = audit.entry(action, user_id, {}, self._clock())
        self.forget(user_id, only=only, but=but)

        def write(session: Session) -> None:
            if ended := UserSession.end(session, user_id, only=only, but=but):
                AuditEntry.note(session, row | {"detail": {"sessions": ended}})

        self._database.write(write)

    def forget_but(self, user_id: str, session_id: str) -> None:
        self.forget(user_id, but=session_id)

    def _goes_on(self, row: UserSession, now: datetime) -> bool:
        """One that began later than now began while the clock was fast, and would go on for as long as it was."""
        began_later = row.expires_at - self._lifetime > now + CLOCK_STEP
        return not began_later and now < row.expires_at and now < row.last_seen_at + self._idle

    def _keep_in_memory(self, row: UserSession) -> None:
        """With a full disk a person comes in all the same, to do something about it; a restart ends that session."""
        with self._lock:
            self._unkept[row.token_hash] = row
            if len(self._unkept) > MOST_UNKEPT:
                self._unkept.popitem(last=False)

    def forget(self, user_id: str, *, only: str | None = None, but: str | None = None) -> None:
        """Of those that are kept in memory alone, as `UserSession.end` of the others."""
        with self._lock:
            for token_hash, kept in list(self._unkept.items()):
                if kept.user_id == user_id and only in (None, kept.id) and kept.id != but:
                    del self._unkept[token_hash]


def _signed_out() -> str:
    return gettext("You were signed out meanwhile. Sign in again.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
