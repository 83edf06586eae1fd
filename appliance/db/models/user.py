"""A person who may come in: password, role, second factor."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, delete, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one

ADMINISTRATOR = "administrator"


class User(Base):
    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(Text)
    must_change_password: Mapped[bool] = mapped_column(default=False)  # somebody else knows it
    role: Mapped[str] = mapped_column(String(16), default=ADMINISTRATOR)
    active: Mapped[bool] = mapped_column(default=True)
    totp_secret: Mapped[str] = mapped_column(Text, default="")  # encrypted; it asks for nothing before `totp_since`
    totp_since: Mapped[datetime | None]
    totp_step: Mapped[int] = mapped_column(default=0)  # of the last code that was used: none works twice
    created_at: Mapped[datetime]
    last_sign_in_at: Mapped[datetime | None]

    @property
    def has_second_factor(self) -> bool:
        return self.totp_since is not None

    def forget_second_factor(self, session: Session) -> None:
        self.totp_secret, self.totp_since, self.totp_step = "", None, 0
        RecoveryCode.replace(session, self.id, [])

    @classmethod
    def locked(cls, session: Session, user_id: str) -> "User | None":
        """On a database server nobody else changes this person before this write ends."""
        return session.get(cls, user_id, with_for_update=True, populate_existing=True)

    @classmethod
    def use_step(cls, session: Session, user_id: str, step: int, *, ahead: int) -> bool:
        """Compare-and-set. False: that code, or a later one, was used before.

        A step later than `ahead` counts for nothing: the clock was wrong then, and would keep its person out for years.
        """
        unused = or_(cls.totp_step < step, cls.totp_step > ahead)
        return changed_one(session, update(cls).where(cls.id == user_id, unused).values(totp_step=step))

    @classmethod
    def lock_everybody(cls, session: Session) -> None:
        """On a database server nobody else is added before this write ends, also where there is no row to lock yet."""
        if session.connection().dialect.name == "postgresql":
            session.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))

    @classmethod
    def lock_administrators(cls, session: Session) -> set[str]:
        """The ids of those who can administer; on a database server nobody else changes them before this write ends."""
        query = select(cls.id).where(cls.role == ADMINISTRATOR, cls.active).order_by(cls.id).with_for_update()
        return set(session.scalars(query))


class UserSession(Base):
    """A browser in which somebody is signed in. Only a hash of what the browser shows is kept."""

    __tablename__ = "user_sessions"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(40), ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of 256 random bits
    address: Mapped[str] = mapped_column(String(64), default="")
    device: Mapped[str] = mapped_column(String(300), default="")  # what the browser calls itself
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_user_sessions_user_id", "user_id"),
        Index("ix_user_sessions_expires_at", "expires_at"),
    )

    @classmethod
    def see(cls, session: Session, session_id: str, now: datetime, address: str) -> None:
        affected(session, update(cls).where(cls.id == session_id).values(last_seen_at=now, address=address))

    @classmethod
    def rotate(cls, session: Session, session_id: str, token_hash: str) -> bool:
        """From now on it is known by another token. False: it has ended."""
        return changed_one(session, update(cls).where(cls.id == session_id).values(token_hash=token_hash))

    @classmethod
    def end(cls, session: Session, user_id: str, *, only: str | None = None, but: str | None = None) -> int:
        """Of that user: all, or `only` one, or all `but` one. Returns how many there were."""
        ended = delete(cls).where(cls.user_id == user_id)
        if only is not None:
            ended = ended.where(cls.id == only)
        if but is not None:
            ended = ended.where(cls.id != but)
        return affected(session, ended)

    @classmethod
    def sweep(cls, session: Session, *, now: datetime, idle_since: datetime) -> None:
        """Removes those that nobody can use any more."""
        affected(session, delete(cls).where(or_(cls.expires_at <= now, cls.last_seen_at <= idle_since)))


class RecoveryCode(Base):
    """Stands in for the second factor, once, when the device with it is lost."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[str] = mapped_column(String(40), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of 80 random bits
    used_at: Mapped[datetime | None]

    @classmethod
    def replace(cls, session: Session, user_id: str, hashes: list[str]) -> None:
        affected(session, delete(cls).where(cls.user_id == user_id))
        session.add_all(cls(user_id=user_id, code_hash=one, used_at=None) for one in hashes)

    @classmethod
    def use(cls, session: Session, user_id: str, code_hash: str, now: datetime) -> bool:
        """Compare-and-set. False: there is no such code, or it was used before."""
        known = update(cls).where(cls.user_id == user_id, cls.code_hash == code_hash, cls.used_at.is_(None))
        return changed_one(session, known.values(used_at=now))
