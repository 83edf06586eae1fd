"""Ages at which bodies, files and messages go"""

import sqlalchemy as sa
from alembic import op

from appliance.db.types import UtcDateTime

revision = "0008_retention"
down_revision = "0007_statistics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("content_removed_at", UtcDateTime(), nullable=True))
    op.add_column("message_attachments", sa.Column("removed_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_message_attachments_kept",
        "message_attachments",
        ["message_id"],
        unique=False,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
