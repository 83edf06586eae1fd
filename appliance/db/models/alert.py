"""Something that needs a person: raised once, told of, and over again. Restarts neither raise nor tell it anew."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, and_, delete, or_, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, affected, changed_one
from appliance.db.types import Json


class AlertKind(StrEnum):
    ACCOUNT_BROKEN = "account_broken"
    ACCOUNT_EXHAUSTED = "account_exhausted"
    FAILURE_RATE = "failure_rate"
    QUEUE_AGE = "queue_age"
    DISK = "disk"
    COMPONENT = "component"
    BACKUP = "backup"
    BACKUP_INCOMPLETE = "backup_incomplete"
    CERTIFICATE = "certificate"
    UNHEARD = "unheard"
    WEBHOOK = "webhook"


class News(StrEnum):
    """What is to be told of an alert."""

    NONE = ""
    RAISED = "raised"
    REMINDER = "reminder"
    CLEARED = "cleared"


class Alert(Base):
    """`box`: the box that it is about; empty where it is about what all boxes on this database share."""

    __tablename__ = "alerts"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    box: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(255), default="")  # the id of what it is about
    facts: Mapped[dict[str, Any]] = mapped_column(Json)
    raised_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    clear_seconds: Mapped[int]  # it must be gone for this long

    news: Mapped[str] = mapped_column(String(16), default=News.NONE)
    news_due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    told_at: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(Text, default="")  # of the last attempt to tell it

    __table_args__ = (
        Index(
            "ix_alerts_open",
            "kind",
            "subject",
            "box",
            unique=True,
            sqlite_where=text("cleared_at IS NULL"),
            postgresql_where=text("cleared_at IS NULL"),
        ),
        Index(
            "ix_alerts_news",
            "news_due_at",
            sqlite_where=text("news_due_at IS NOT NULL"),
            postgresql_where=text("news_due_at IS NOT NULL"),
        ),
    )

    @classmethod
    def clear(cls, session: Session, alert_id: str, *, now: datetime, tell: bool) -> bool:
        """It is over. `tell`: those who heard that it began hear that as well; nobody else does.

        Somebody may have heard it too where a telling began that nobody has reported on: its process may have died.
        """
        still_open = update(cls).where(cls.id == alert_id, cls.cleared_at.is_(None))
        begun = and_(cls.news == News.RAISED, cls.tries == 0, cls.news_due_at > now)
        heard = still_open.where(or_(cls.told_at.is_not(None), begun))
        news = {"news": News.CLEARED, "news_due_at": now, "tries": 0}
        if tell and changed_one(session, heard.values(cleared_at=now, **news)):
            return True
        return changed_one(session, still_open.values(cleared_at=now, news=News.NONE, news_due_at=None))

    @classmethod
    def remind(cls, session: Session, alert_id: str, *, told_before: datetime, now: datetime) -> bool:
        silent = (cls.cleared_at.is_(None), cls.news == News.NONE, cls.told_at < told_before)
        query = update(cls).where(cls.id == alert_id, *silent)
        return changed_one(session, query.values(news=News.REMINDER, news_due_at=now, tries=0))

    @classmethod
    def claim(cls, session: Session, alert_id: str, *, news: str, now: datetime, until: datetime) -> bool:
        """Nobody else tells it before `until`."""
        due = (cls.id == alert_id, cls.news == news, cls.news_due_at <= now)
        return changed_one(session, update(cls).where(*due).values(news_due_at=until))

    @classmethod
    def note_told(cls, session: Session, alert_id: str, *, news: str, now: datetime, trouble: str) -> bool:
        """`trouble`: of a way that failed while another one went."""
        same = (cls.id == alert_id, cls.news == news)
        told = {"news": News.NONE, "news_due_at": None, "tries": 0, "told_at": now, "trouble": trouble}
        return changed_one(session, update(cls).where(*same).values(**told))

    @classmethod
    def note_not_told(
        cls, session: Session, alert_id: str, *, news: str, again_at: datetime | None, trouble: str
    ) -> bool:
        """`again_at` None: it is given up."""
        same = (cls.id == alert_id, cls.news == news)
        values: dict[str, Any] = {"news_due_at": again_at, "tries": cls.tries + 1, "trouble": trouble}
        if again_at is None:
            values["news"] = News.NONE
        return changed_one(session, update(cls).where(*same).values(**values))

    @classmethod
    def remove(cls, session: Session, *, cleared_before: datetime) -> int:
        return affected(session, delete(cls).where(cls.cleared_at < cleared_before))
