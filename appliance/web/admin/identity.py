"""Who is signed in: the cookie holds the token of a session that the box keeps, so that others can end it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user

from appliance.errors import Forbidden, StorageUnavailable
from appliance.language import gettext
from appliance.services.sessions import Presence
from appliance.web import acting
from appliance.web.admin import renewal, rights
from appliance.web.admin.renewal import Renewal
from appliance.web.context import web

KEPT_AS = "_user_id"  # the name under which flask_login keeps the token
CONTROL = range(0x20)
LONGEST_NEXT = 2000  # a browser throws away a cookie of more than 4096 bytes, and it has to fit into one
FOR_A_NEW_PASSWORD = ("admin.profile.password", "admin.profile.change_password")
"""All that there is for somebody whose password another one knows."""


@dataclass(frozen=True, slots=True)
class SignedIn(UserMixin):  # type: ignore[misc]  # flask_login has no types
    """`id` is the user's; flask_login keeps the `token` instead, and gives it back with the next request."""

    token: str
    presence: Presence

    @property
    def id(self) -> str:
        return self.presence.user_id

    @property
    def name(self) -> str:
        return self.presence.name

    @property
    def role(self) -> str:
        return self.presence.role

    def get_id(self) -> str:
        return self.token


def register(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = None  # phones change their address; a session ends by itself, and can be ended
    manager.user_loader(_load)
    manager.unauthorized_handler(ask_to_sign_in)


def begin(user_id: str, password_hash: str | None = None) -> None:
    """Signs `user_id` in, with a new session: nothing that was in the one before is believed, nor goes it on.

    Raises:
        Forbidden: as `Sessions.begin`.
    """
    end()
    device = str(request.user_agent)
    address = request.remote_addr or ""
    token = web().services.sessions.begin(user_id, address=address, device=device, password_hash=password_hash)
    _remember(token)


def renew(shown: Sequence[str] = ()) -> None:
    """The same session under a new token, after its rights have changed. `shown`: what the answer shows, once."""
    token = web().services.sessions.rotate(current_user.presence.session_id)
    renewal.note(session[KEPT_AS], token, tuple(shown))
    _remember(token)


def renewed_before() -> Renewal | None:
    """What this form brought when it came before, if it did. Then this browser gets that token as well."""
    before = renewal.of_this_form(session[KEPT_AS])
    if before is not None:
        _remember(before.token)
    return before


def end() -> None:
    """Signs out whoever is signed in here."""
    if current_user.is_authenticated:
        with suppress(StorageUnavailable):  # at least this browser forgets it
            web().services.sessions.end(current_user.id, current_user.presence.session_id)
    session.clear()


def require() -> Any:
    """Before each request of a page that only people who are signed in may see."""
    if not current_user.is_authenticated:
        return ask_to_sign_in()
    web().services.sessions.see(current_user.presence, request.remote_addr or "")
    if current_user.presence.must_change_password and request.endpoint not in FOR_A_NEW_PASSWORD:
        return redirect(url_for("admin.profile.password"))
    rights.require()
    return None


def ask_to_sign_in() -> Any:
    if web().services.setup.pending():
        return redirect(url_for("setup.show"))
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.show", next=wanted if wanted != "/" else None))


def safe_next(wanted: str | None) -> str:
    """`wanted` if it is a path of this site, else the first page."""
    if not wanted or len(wanted) > LONGEST_NEXT or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return url_for("admin.status.show")
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or "\\" in wanted or any(ord(char) in CONTROL for char in wanted):
        return url_for("admin.status.show")
    return wanted


def _remember(token: str) -> None:
    presence = web().services.sessions.look(token)
    if presence is None:  # ended by somebody else in this very moment
        raise Forbidden(gettext("You were signed out meanwhile. Sign in again."))
    session.permanent = True
    login_user(_acting(token, presence))


def _load(token: str) -> SignedIn | None:
    presence = web().services.sessions.look(token)
    if presence is None and (before := renewal.of_this_form(token)) is not None:
        token, presence = before.token, web().services.sessions.look(before.token)
    return _acting(token, presence) if presence is not None else None


def _acting(token: str, presence: Presence) -> SignedIn:
    acting.as_user(presence.user_id, presence.name, presence.role)
    return SignedIn(token, presence)
