"""Run by Alembic. The connection comes from `migrate`, which owns the transaction."""

from alembic import context

from appliance.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
