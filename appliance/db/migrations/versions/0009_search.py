"""Indexes that answer every filter of the messages"""

import sqlalchemy as sa
from alembic import op

from appliance.db.subject_text import searchable
from appliance.db.types import number_of

revision = "0009_search"
down_revision = "0008_retention"
branch_labels = None
depends_on = None

AT_ONCE = 1000


def upgrade() -> None:
    _add_generated_columns()
    _add_indexes()
    _add_search()
    _add_counts()


def _add_generated_columns() -> None:
    bytewise = sa.String(320).with_variant(sa.String(320, collation="C"), "postgresql")
    op.add_column("recipients", sa.Column("address", bytewise, _made_from("lower({email})"), nullable=False))
    after_the_at = "lower(replace({email}, rtrim({email}, replace({email}, '@', '')), ''))"
    op.add_column("recipients", sa.Column("domain", bytewise, _made_from(after_the_at), nullable=False))
    chosen = _made_from("coalesce(account_id, allowed_accounts)")
    op.add_column("messages", sa.Column("route", sa.Text(), chosen, nullable=True))


def _made_from(expression: str) -> sa.Computed:
    """SQLite adds no column that is stored, PostgreSQL before version 18 knows no other."""
    on_server = op.get_bind().dialect.name == "postgresql"
    email = 'email COLLATE "C"' if on_server else "email"  # the same letters have a lower case on both
    return sa.Computed(expression.format(email=email), persisted=on_server)


def _add_indexes() -> None:
    op.drop_index("ix_recipients_email", "recipients")
    op.create_index("ix_recipients_address", "recipients", ["address", "message_id"], unique=False)
    op.create_index("ix_recipients_domain", "recipients", ["domain", "message_id"], unique=False)
    op.create_index("ix_messages_created_at", "messages", ["created_at", "id"], unique=False)
    op.create_index("ix_delivery_attempts_account", "delivery_attempts", ["account_id", "message_id"], unique=False)
    _add_partial_index("ix_messages_account", ["account_id", "id"], "account_id IS NOT NULL")
    _add_partial_index("ix_messages_reason", ["reason", "id"], "reason <> ''")
    _add_partial_index("ix_messages_request_id", ["request_id"], "request_id <> ''")
    _add_partial_index("ix_messages_route", ["route", "priority", "due_at"], "due_at IS NOT NULL")


def _add_partial_index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "messages", columns, unique=False, sqlite_where=where, postgresql_where=where)


def _add_search() -> None:
    op.create_table(
        "message_search",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("indexed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_search_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_message_search")),
    )
    op.create_index("ix_message_search_message_id", "message_search", ["message_id"], unique=False)
    op.create_index(
        "ix_message_search_waiting",
        "message_search",
        ["number"],
        unique=False,
        sqlite_where=sa.text("indexed = 0"),
        postgresql_where=sa.text("NOT indexed"),
    )
    _fill_search()
    if op.get_bind().dialect.name == "sqlite":
        _add_trigrams()


def _fill_search() -> None:
    """What the messages are that there are already; an errand takes them up into the index of trigrams."""
    connection = op.get_bind()
    indexed = connection.dialect.name != "sqlite"
    insert = sa.text(
        "INSERT INTO message_search (number, message_id, text, indexed) VALUES (:number, :id, :text, :indexed) "
        "ON CONFLICT DO NOTHING"
    )
    found = connection.execute(sa.text("SELECT id, subject FROM messages ORDER BY id"))
    while some := found.fetchmany(AT_ONCE):
        rows = [
            {"number": number_of(id_), "id": id_, "text": searchable(subject), "indexed": indexed}
            for id_, subject in some
        ]
        connection.execute(insert, rows)


def _add_trigrams() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE message_search_index USING fts5("
        "text, content='message_search', content_rowid='number', tokenize='trigram', detail='none', columnsize=0)"
    )
    op.execute(  # small pages: merging goes on by the page, and everybody waits for each merge
        "INSERT INTO message_search_index (message_search_index, rank) VALUES ('pgsz', 500)"
    )
    op.execute(  # taken up: an update of `indexed` alone
        "CREATE TRIGGER message_search_taken_up AFTER UPDATE OF indexed ON message_search "
        "WHEN new.indexed AND NOT old.indexed BEGIN "
        "INSERT INTO message_search_index (rowid, text) VALUES (new.number, new.text); END"
    )
    op.execute(
        "CREATE TRIGGER message_search_removed AFTER DELETE ON message_search WHEN old.indexed BEGIN "
        "INSERT INTO message_search_index (message_search_index, rowid, text) "
        "VALUES ('delete', old.number, old.text); END"
    )


def _add_counts() -> None:
    op.create_table(
        "message_counts",
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("status", name=op.f("pk_message_counts")),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO message_counts (status, count) SELECT status, count(*) FROM messages GROUP BY status")
        for trigger, change in {
            "message_counts_added AFTER INSERT ON messages": [("new", 1)],
            "message_counts_removed AFTER DELETE ON messages": [("old", -1)],
            "message_counts_moved AFTER UPDATE OF status ON messages WHEN new.status <> old.status": [
                ("old", -1),
                ("new", 1),
            ],
        }.items():
            steps = " ".join(_count(row, by) for row, by in change)
            op.execute(f"CREATE TRIGGER {trigger} BEGIN {steps} END")


def _count(row: str, by: int) -> str:
    return (
        f"INSERT INTO message_counts (status, count) VALUES ({row}.status, {by}) "  # noqa: S608 - nothing from outside
        f"ON CONFLICT (status) DO UPDATE SET count = count + {by};"
    )
