"""Who did what to a message together with others, and what a retry takes back of the figures"""

import sqlalchemy as sa
from alembic import op

from appliance.db.types import Json, UtcDateTime

revision = "0013_retries"
down_revision = "0012_audit_names"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of what has ended already `ended_through` stays unknown: that end stays in the figures, also after a retry."""
    op.create_table(
        "message_deeds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_deeds_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_deeds")),
    )
    op.create_index("ix_message_deeds_message_id", "message_deeds", ["message_id"], unique=False)
    op.add_column("messages", sa.Column("ended_through", sa.String(length=40), nullable=True))
    op.add_column("events", sa.Column("ended", Json, nullable=True))
