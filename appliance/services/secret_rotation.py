"""Writes what is encrypted anew under another key, in steps each of which may be the last one of this process."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Table, select, update
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.vault import Vault, VaultError
from appliance.db.database import Database
from appliance.db.database_file import ENCRYPTED
from appliance.db.models import AuditEntry
from appliance.db.models.base import Base, changed_one
from appliance.errors import ApplianceError
from appliance.services import audit

ROWS = 200

Renewed = list[tuple[str, str, str]]
"""Id, what was stored, what is to be stored."""


class SecretUnreadable(ApplianceError):
    """None of the keys opens it. Both keys stay, and so does everything that they open."""


class SecretRotation:
    """`vault`: its first key is the new one. A row that it opens already is left as it is."""

    def __init__(self, database: Database, vault: Vault, newest: Vault, *, clock: Clock) -> None:
        """`newest` has only the first key of `vault`."""
        self._database = database
        self._vault = vault
        self._newest = newest
        self._clock = clock

    def rewrite(self) -> int:
        """How many secrets there are; all of them can be read with the new key alone. Raises SecretUnreadable."""
        count = sum(self._rewrite_column(table, column) for table, column in ENCRYPTED)
        row = audit.entry("encryption_key.changed", "encryption_key", {"secrets": count}, self._clock())
        self._database.write(partial(AuditEntry.note, row=row))
        return count

    def _rewrite_column(self, table_name: str, column_name: str) -> int:
        table = Base.metadata.tables[table_name]
        count = 0
        for rows in self._pages(table, table.c[column_name]):
            count += len(rows)
            renewed = [one for key, stored in rows if (one := self._renewed(table_name, key, stored))]
            if renewed:
                self._database.write(partial(_store, table=table, column=column_name, renewed=renewed))
        return count

    def _pages(self, table: Table, column: ColumnElement[Any]) -> Iterator[list[tuple[str, str]]]:
        last = ""
        while True:
            query = select(table.c.id, column).where(column != "", table.c.id > last).order_by(table.c.id).limit(ROWS)
            with self._database.read() as session:
                rows = [(str(key), str(stored)) for key, stored in session.execute(query)]
            if not rows:
                return
            last = rows[-1][0]
            yield rows

    def _renewed(self, table: str, key: str, stored: str) -> tuple[str, str, str] | None:
        """None: it has the new key already."""
        try:
            self._newest.decrypt(stored)
            return None
        except VaultError:
            pass
        try:
            return key, stored, self._vault.reencrypt(stored)
        except VaultError as error:
            raise SecretUnreadable(
                f"A secret of {key} ({table}) opens with no key that is here, so the old key was kept. Start the "
                "appliance and enter that secret again, or delete what it belongs to; then run this command again."
            ) from error


def _store(session: Session, *, table: Table, column: str, renewed: Renewed) -> None:
    """Only what nobody changed meanwhile: a secret that somebody enters has the new key by itself."""
    for key, stored, value in renewed:
        changed_one(session, update(table).where(table.c.id == key, table.c[column] == stored).values({column: value}))
