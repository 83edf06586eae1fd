"""Who is signed in: the session holds a user's id and epoch, so that a password reset signs out everywhere."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user

from appliance.db.models import User
from appliance.db.queries import access
from appliance.web import acting
from appliance.web.context import web

CONTROL = range(0x20)


@dataclass(frozen=True, slots=True)
class SignedIn(UserMixin):  # type: ignore[misc]  # flask_login has no types
    id: str
    name: str
    role: str
    epoch: int

    def get_id(self) -> str:
        return f"{self.id}:{self.epoch}"


def register(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = None  # phones change their address; the cookie is signed and ends by itself
    manager.user_loader(_load)
    manager.unauthorized_handler(ask_to_sign_in)


def begin(user_id: str) -> None:
    """Signs `user_id` in, with a new session: nothing that was in the one before is believed."""
    with web().read() as reader:
        user = access.user(reader, user_id)
    assert user is not None
    session.clear()
    session.permanent = True
    login_user(_signed_in(user))
    acting.as_user(user.id, user.name)


def require() -> Any:
    """Before each request of a page that only people who are signed in may see."""
    if not current_user.is_authenticated:
        return ask_to_sign_in()
    acting.as_user(current_user.id, current_user.name)
    return None


def ask_to_sign_in() -> Any:
    if web().services.setup.pending():
        return redirect(url_for("setup.show"))
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.show", next=wanted if wanted != "/" else None))


def safe_next(wanted: str | None) -> str:
    """`wanted` if it is a path of this site, else the first page."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return url_for("admin.status.show")
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or "\\" in wanted or any(ord(char) in CONTROL for char in wanted):
        return url_for("admin.status.show")
    return wanted


def _load(session_id: str) -> SignedIn | None:
    user_id, _, epoch = session_id.rpartition(":")
    with web().read() as reader:
        user = access.user(reader, user_id)
    return _signed_in(user) if user is not None and str(user.session_epoch) == epoch else None


def _signed_in(user: User) -> SignedIn:
    return SignedIn(user.id, user.name, user.role, user.session_epoch)
