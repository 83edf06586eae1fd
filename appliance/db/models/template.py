"""A template and its versions. A version never changes: a change makes the next one, and a message names its own."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from appliance.db.models.base import Base, changed_one
from appliance.db.models.message import Message
from appliance.db.types import Json


class Template(Base):
    __tablename__ = "templates"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    slug: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]  # the number of the present one
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        Index(  # one that is deleted keeps its slug for its messages, and others may have it
            "ix_templates_slug",
            "slug",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    @classmethod
    def advance(cls, session: Session, template_id: str, *, known: int, now: datetime) -> bool:
        """To the version after `known`, unless somebody else was faster."""
        present = (cls.id == template_id, cls.version == known, cls.deleted_at.is_(None))
        return changed_one(session, update(cls).where(*present).values(version=known + 1, updated_at=now))

    @classmethod
    def delete(cls, session: Session, template_id: str, *, now: datetime) -> bool:
        """Its versions stay, for the messages that name them."""
        present = (cls.id == template_id, cls.deleted_at.is_(None))
        return changed_one(session, update(cls).where(*present).values(deleted_at=now))


class TemplateVersion(Base):
    __tablename__ = "template_versions"

    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject: Mapped[str] = mapped_column(Text)
    html: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str | None] = mapped_column(Text)
    variables: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    locales: Mapped[dict[str, dict[str, str | None]]] = mapped_column(Json)  # language tag -> subject, html, text
    author: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


Index(
    "ix_messages_template",
    Message.template_id,
    Message.id,
    sqlite_where=Message.template_id.is_not(None),
    postgresql_where=Message.template_id.is_not(None),
)
