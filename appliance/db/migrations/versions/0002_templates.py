"""Templates, and which one a message was made from"""

import sqlalchemy as sa
from alembic import op

from appliance.db.types import Json, UtcDateTime

revision = "0002_templates"
down_revision = "0001_first_schema"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "templates",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
    )
    op.create_index(
        "ix_templates_slug",
        "templates",
        ["slug"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )

    op.create_table(
        "template_versions",
        sa.Column("template_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("variables", Json, nullable=False),
        sa.Column("locales", Json, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"], ["templates.id"], name=op.f("fk_template_versions_template_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("template_id", "number", name=op.f("pk_template_versions")),
    )

    op.add_column("messages", sa.Column("template_id", sa.String(length=40), nullable=True))
    op.add_column("messages", sa.Column("template_version", sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("template_locale", sa.String(length=20), nullable=True))
    op.create_index(
        "ix_messages_template",
        "messages",
        ["template_id", "id"],
        unique=False,
        sqlite_where=sa.text("template_id IS NOT NULL"),
        postgresql_where=sa.text("template_id IS NOT NULL"),
    )
