"""What happened, kept until it is counted and told; and when a message was last retried"""

import sqlalchemy as sa
from alembic import op

from appliance.db.types import BigNumber, Json, UtcDateTime

revision = "0003_events"
down_revision = "0002_templates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("id", BigNumber, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=True),
        sa.Column("account_id", sa.String(length=40), nullable=True),
        sa.Column("api_key_id", sa.String(length=40), nullable=True),
        sa.Column("template_id", sa.String(length=40), nullable=True),
        sa.Column("tags", Json, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.add_column("messages", sa.Column("retried_at", UtcDateTime(), nullable=True))
