"""An API key: what it opens, what it may use, and its count of the day.

As with a sender account the count belongs to a date: that of an earlier day is zero, that of a later day still counts,
so that a clock that is set back starts no limit anew. Only a key that has a daily limit is counted.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Integer, String, bindparam, case, or_, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected
from appliance.db.types import Json


class KeyState(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"  # by a person, who can enable it again
    EXPIRED = "expired"
    REVOKED = "revoked"  # for good


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    secret_hash: Mapped[str] = mapped_column(
        String(64)
    )  # SHA-256; the secret is 256 random bits, so nothing slower is needed
    scopes: Mapped[list[str]] = mapped_column(Json)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    requests_per_minute: Mapped[int | None]  # None: what the configuration says
    daily_limit: Mapped[int | None]  # messages; None: what the configuration says
    allowed_accounts: Mapped[list[str]] = mapped_column(Json, default=list)  # ids; none: all
    allowed_from: Mapped[list[str]] = mapped_column(Json, default=list)  # addresses and @domains; none: all

    count_date: Mapped[str] = mapped_column(String(10), default="")
    count: Mapped[int] = mapped_column(default=0)  # accepted on `count_date`

    def used_on(self, today: str) -> int:
        return self.count if self.count_date >= today else 0

    def state(self, now: datetime) -> KeyState:
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyState.EXPIRED
        return KeyState.ACTIVE if self.active else KeyState.DISABLED

    @classmethod
    def reserve(cls, session: Session, key_id: str, messages: int, *, today: str, limit: int) -> int | None:
        """Takes `messages` out of the day's limit, all or none, in one statement. Returns how many are left.

        None: so many are not left, and nothing was taken.
        """
        values = {"of_key": key_id, "messages": messages, "today": today, "most": limit}
        used = session.connection().execute(_RESERVE, values).scalar_one_or_none()
        return None if used is None else limit - int(used)

    @classmethod
    def note_uses(cls, session: Session, uses: dict[str, datetime]) -> None:
        """`uses`: the last one by key. An earlier one than is known already changes nothing.

        In the order of the keys: two boxes that lock the same rows in different orders would stand still.
        """
        for key_id, at in sorted(uses.items()):
            affected(session, _NOTE_USE, {"of_key": key_id, "used_at": at})


_TODAY, _MESSAGES = bindparam("today", type_=String), bindparam("messages", type_=Integer)
_SPENT = case((ApiKey.count_date >= _TODAY, ApiKey.count), else_=0)

_RESERVE = (
    update(ApiKey)
    .where(ApiKey.id == bindparam("of_key"), bindparam("most", type_=Integer) >= _SPENT + _MESSAGES)
    .values(
        count=_SPENT + _MESSAGES,
        count_date=case((ApiKey.count_date > _TODAY, ApiKey.count_date), else_=_TODAY),
    )
    .returning(ApiKey.count)
)

_NOTE_USE = (
    update(ApiKey)
    .where(
        ApiKey.id == bindparam("of_key"),
        or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < bindparam("used_at")),
    )
    .values(last_used_at=bindparam("used_at"))
)
