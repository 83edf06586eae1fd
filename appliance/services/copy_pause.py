"""The pause of a copy: it sends nothing until a person says so.

What waits in it may have gone out since it was made, and only a person knows whether the box that it was made of still
runs.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, inspect
from sqlalchemy.orm import Session

from appliance.clock import utc_now
from appliance.db.models import AuditEntry, Flag, UserSession
from appliance.db.models.box import SENDING_PAUSED, PauseReason
from appliance.services import audit


def pause(session: Session, *, now: datetime, made_at: datetime, row: Mapping[str, Any]) -> None:
    """In a copy that was made at `made_at`, whatever schema it has. `row`: of the audit."""
    value = {"reason": PauseReason.RESTORED, "backup_at": made_at.isoformat()}
    Flag.put(session, SENDING_PAUSED, value, now=now)
    there = inspect(session.connection())  # databases of the first versions have less
    if there.has_table(AuditEntry.__tablename__):
        AuditEntry.note(session, row)
    if there.has_table(UserSession.__tablename__):
        session.execute(delete(UserSession))  # one that was ended since must not come to life again


def pause_copy(session: Session) -> None:
    """In the copy from before an upgrade, for whoever goes back to the version before."""
    now = utc_now()
    row = audit.entry("box.paused", "", {"reason": "This is the copy from before an upgrade."}, now)
    pause(session, now=now, made_at=now, row=row)
