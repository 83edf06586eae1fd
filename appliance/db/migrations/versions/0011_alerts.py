"""Alerts, and what was told of them"""

import sqlalchemy as sa
from alembic import op

from appliance.db.types import Json, UtcDateTime

revision = "0011_alerts"
down_revision = "0010_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("box", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("raised_at", UtcDateTime(), nullable=False),
        sa.Column("cleared_at", UtcDateTime(), nullable=True),
        sa.Column("clear_seconds", sa.Integer(), nullable=False),
        sa.Column("news", sa.String(length=16), nullable=False),
        sa.Column("news_due_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["kind", "subject", "box"],
        unique=True,
        sqlite_where=sa.text("cleared_at IS NULL"),
        postgresql_where=sa.text("cleared_at IS NULL"),
    )
    op.create_index(
        "ix_alerts_news",
        "alerts",
        ["news_due_at"],
        unique=False,
        sqlite_where=sa.text("news_due_at IS NOT NULL"),
        postgresql_where=sa.text("news_due_at IS NOT NULL"),
    )
