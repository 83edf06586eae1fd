"""An endpoint: a URL that is told by webhooks what happens, and how that has gone of late."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, Text, func, literal, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, changed_one
from appliance.db.types import Json, UtcDateTime

EVERYTHING = "*"


class WebhookEndpoint(Base):
    """`active` False: paused, by a person or by itself; `paused_reason` says which."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    events: Mapped[list[str]] = mapped_column(Json)  # kinds, `message.*` for all of a sort, `*` for all
    api_key_id: Mapped[str | None] = mapped_column(String(40))  # None: the box's own, told of everything
    secret_encrypted: Mapped[str] = mapped_column(Text)
    previous_secret_encrypted: Mapped[str] = mapped_column(Text, default="")  # signs as well until the moment below
    previous_secret_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(default=True)
    paused_at: Mapped[datetime | None]
    paused_reason: Mapped[str] = mapped_column(Text, default="")
    failures: Mapped[int] = mapped_column(default=0)  # attempts in a row
    failing_since: Mapped[datetime | None]  # the first of those
    rests_until: Mapped[datetime | None]  # after several of them it is left alone for a while
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]  # its deliveries go in small steps, then the row itself

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this kind, such as `message.sent`."""
        return any(one in (EVERYTHING, kind, kind.partition(".")[0] + ".*") for one in self.events)

    @classmethod
    def pause(cls, session: Session, endpoint_id: str, *, reason: str, now: datetime) -> bool:
        """Active -> paused."""
        query = update(cls).where(cls.id == endpoint_id, cls.active.is_(True), cls.deleted_at.is_(None))
        return changed_one(session, query.values(active=False, paused_at=now, paused_reason=reason))

    @classmethod
    def pause_dead(
        cls, session: Session, endpoint_id: str, *, tried_since: datetime, reason: str, now: datetime
    ) -> bool:
        """Active -> paused, unless it has accepted something since the moment `tried_since`."""
        query = update(cls).where(
            cls.id == endpoint_id, cls.active.is_(True), cls.deleted_at.is_(None), cls.failing_since <= tried_since
        )
        return changed_one(session, query.values(active=False, paused_at=now, paused_reason=reason))

    @classmethod
    def resume(cls, session: Session, endpoint_id: str) -> bool:
        """Paused -> active, its failures forgotten."""
        query = update(cls).where(cls.id == endpoint_id, cls.active.is_(False), cls.deleted_at.is_(None))
        return changed_one(session, query.values(active=True, paused_at=None, paused_reason="", **_WELL))

    @classmethod
    def note_success(cls, session: Session, endpoint_id: str) -> bool:
        """Costs no write while all is well."""
        return changed_one(session, update(cls).where(cls.id == endpoint_id, cls.failures > 0).values(**_WELL))

    @classmethod
    def note_failure(
        cls, session: Session, endpoint_id: str, *, at: datetime, known_failures: int, rest: timedelta, error: str
    ) -> None:
        """One more, unless another worker has noted one since `known_failures` was read. `at`: the attempt's begin."""
        query = update(cls).where(cls.id == endpoint_id, cls.failures == known_failures)
        values: dict[str, Any] = {
            "failing_since": func.coalesce(cls.failing_since, literal(at, UtcDateTime)),
            "last_error": error,
        }
        changed_one(session, query.values(failures=known_failures + 1, rests_until=at + rest, **values))


_WELL: dict[str, Any] = {"failures": 0, "failing_since": None, "rests_until": None}
