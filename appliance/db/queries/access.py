"""Users and API keys."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.db.models import ApiKey, User


def user_by_name(session: Session, name: str) -> User | None:
    same_name = func.lower(User.name) == func.lower(name.strip())  # both by the database: SQLite lowers ASCII only
    return session.scalars(select(User).where(same_name)).one_or_none()


def user(session: Session, user_id: str) -> User | None:
    return session.get(User, user_id)


def has_users(session: Session) -> bool:
    return session.execute(select(User.id).limit(1)).first() is not None


def api_key_by_hash(session: Session, secret_hash: str) -> ApiKey | None:
    return session.scalars(select(ApiKey).where(ApiKey.secret_hash == secret_hash)).one_or_none()


def api_keys(session: Session) -> Sequence[ApiKey]:
    return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()
