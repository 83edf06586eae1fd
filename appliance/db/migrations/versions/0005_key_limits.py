"""What an API key may do, and how much of it"""

import sqlalchemy as sa
from alembic import op

from appliance.db.types import Json

revision = "0005_key_limits"
down_revision = "0004_jobs_and_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The server defaults are for the keys that there are: they stay what they were, without limits."""
    op.add_column("api_keys", sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("api_keys", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column("api_keys", sa.Column("daily_limit", sa.Integer(), nullable=True))
    op.add_column("api_keys", sa.Column("allowed_accounts", Json, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("api_keys", sa.Column("allowed_from", Json, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("api_keys", sa.Column("count_date", sa.String(length=10), nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("count", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("allowed_accounts", sa.Text(), nullable=True))
