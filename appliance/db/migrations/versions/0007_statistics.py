"""Counts by hour, day and month that outlive the messages"""

import sqlalchemy as sa
from alembic import op

revision = "0007_statistics"
down_revision = "0006_webhooks"
branch_labels = None
depends_on = None

COUNTERS = (
    "accepted",
    "sent",
    "partially_sent",
    "failed",
    "suppressed",
    "cancelled",
    "deferred",
    "held",
    "retried",
)
TIMES = tuple(f"times_{column:02d}" for column in range(40))


def upgrade() -> None:
    op.create_table(
        "rollups",
        sa.Column("unit", sa.String(length=1), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("dimension", sa.String(length=8), nullable=False),
        sa.Column("period", sa.String(length=13), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in (*COUNTERS, *TIMES)),
        sa.PrimaryKeyConstraint("unit", "scope", "dimension", "period", "value", name=op.f("pk_rollups")),
        sqlite_with_rowid=False,
    )
