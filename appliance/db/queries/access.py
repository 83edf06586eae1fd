"""Users, their sessions, and API keys."""

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.db.models import ApiKey, RecoveryCode, SenderAccount, User, UserSession
from appliance.db.models.user import ADMINISTRATOR


def user_by_name(session: Session, name: str) -> User | None:
    same_name = func.lower(User.name) == func.lower(name.strip())  # both by the database: SQLite lowers ASCII only
    return session.scalars(select(User).where(same_name)).one_or_none()


def user(session: Session, user_id: str) -> User | None:
    return session.get(User, user_id)


def users(session: Session) -> Sequence[User]:
    return session.scalars(select(User).order_by(func.lower(User.name), User.id)).all()


def administrators(session: Session) -> set[str]:
    """The ids of those who can sign in and administer."""
    return set(session.scalars(select(User.id).where(User.role == ADMINISTRATOR, User.active)))


def session_by_hash(session: Session, token_hash: str) -> UserSession | None:
    return session.scalars(select(UserSession).where(UserSession.token_hash == token_hash)).one_or_none()


def sessions_of(session: Session, user_id: str) -> Sequence[UserSession]:
    """Those that may go on, the one used last first."""
    query = select(UserSession).where(UserSession.user_id == user_id)
    return session.scalars(query.order_by(UserSession.last_seen_at.desc(), UserSession.id)).all()


def sessions_by_user(session: Session) -> dict[str, int]:
    """How many each user has."""
    counted = select(UserSession.user_id, func.count()).group_by(UserSession.user_id)
    return {user_id: count for user_id, count in session.execute(counted)}


def recovery_codes_left(session: Session, user_id: str) -> int:
    unused = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.execute(unused).scalar_one()


def has_unused_code(session: Session, user_id: str, code_hash: str) -> bool:
    code = session.get(RecoveryCode, (user_id, code_hash))
    return code is not None and code.used_at is None


def has_users(session: Session) -> bool:
    return session.execute(select(User.id).limit(1)).first() is not None


def api_key_by_hash(session: Session, secret_hash: str) -> ApiKey | None:
    return session.scalars(select(ApiKey).where(ApiKey.secret_hash == secret_hash)).one_or_none()


def api_key(session: Session, key_id: str) -> ApiKey | None:
    return session.get(ApiKey, key_id)


def api_key_page(
    session: Session, *, before: str | None = None, limit: int = 50
) -> tuple[Sequence[ApiKey], str | None]:
    """Newest first, revoked ones too, with the id to go on before."""
    query = select(ApiKey).order_by(ApiKey.id.desc())
    if before:
        query = query.where(ApiKey.id < before)
    found = session.scalars(query.limit(limit + 1)).all()
    items = found[:limit]
    return items, items[-1].id if len(found) > limit else None


def existing_accounts(session: Session, account_ids: Iterable[str]) -> set[str]:
    """Those of `account_ids` that there are."""
    wanted = list(account_ids)
    if not wanted:
        return set()
    query = select(SenderAccount.id).where(SenderAccount.id.in_(wanted), SenderAccount.deleted_at.is_(None))
    return set(session.scalars(query))


def api_keys(session: Session) -> Sequence[ApiKey]:
    return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()
