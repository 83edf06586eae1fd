"""Who acted is found by name as well"""

from alembic import op

revision = "0012_audit_names"
down_revision = "0011_alerts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_entries_actor_name", "audit_entries", ["actor_name", "id"], unique=False)
