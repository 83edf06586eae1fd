"""The built-in mailbox: keeps what is handed to it, shows it, empties itself when told."""

from sqlalchemy import delete
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, KeptMail
from appliance.db.models.base import affected, insert_rows
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.types import new_id
from appliance.errors import NotFound
from appliance.mail.transport import Envelope
from appliance.services import audit
from appliance.services.permission import Permission, needs


class Mailbox:
    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def keep(self, account_id: str, envelope: Envelope) -> None:
        """Durable when it returns. Raises StorageUnavailable."""
        row = {
            "id": new_id("mail"),
            "account_id": account_id,
            "rfc_message_id": envelope.message_id,
            "mail_from": envelope.mail_from,
            "rcpt_to": list(envelope.rcpt_to),
            "subject": envelope.subject,
            "data": envelope.data,
            "size": len(envelope.data),
            "received_at": self._clock(),
        }
        self._database.write(lambda session: insert_rows(session, KeptMail, row))

    @needs(Permission.OPERATE)
    def delete(self, mail_id: str) -> None:
        """Raises NotFound."""
        row = audit.entry("mailbox.deleted", mail_id, {}, self._clock())

        def write(session: Session) -> None:
            if not affected(session, delete(KeptMail).where(KeptMail.id == mail_id)):
                raise NotFound("mail", mail_id)
            AuditEntry.note(session, row)

        self._database.write(write)

    @needs(Permission.OPERATE)
    def empty(self) -> int:
        """Removes everything; returns how many mails there were."""
        row = audit.entry("mailbox.emptied", BUILT_IN_MAILBOX_ID, {}, self._clock())

        def write(session: Session) -> int:
            count = affected(session, delete(KeptMail))
            AuditEntry.note(session, row | {"detail": {"count": count}})
            return count

        return self._database.write(write)
