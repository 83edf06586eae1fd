"""How messages had ended that are retried: figures that counted that end take it back, where they had counted it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from appliance.db.models.message_columns import MessageColumns
from appliance.db.models.message_moves import seconds_to_go
from appliance.db.models.message_state import INCOMPLETE


def ends_of(session: Session, model: type[MessageColumns], ids: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """Of those of `ids` that have ended without having reached everybody, by message: what `Event.ended` carries.

    Asked before the UPDATE, which returns what is new only; locked where several can write at once. None: it ended
    before the box knew `ended_through`.
    """
    columns = (model.id, model.status, model.finished_at, model.ended_through)
    query = (
        select(*columns, model.created_at, model.send_at, model.retried_at)
        .where(model.id.in_(bindparam("ids", expanding=True)), model.status.in_(INCOMPLETE))
        .order_by(model.id)
        .with_for_update()
    )
    return {one.id: _end(one) for one in session.connection().execute(query, {"ids": list(ids)})}


def _end(one: Any) -> dict[str, Any] | None:
    if one.ended_through is None or one.finished_at is None:
        return None
    return {
        "status": one.status,
        "at": one.finished_at.isoformat(),
        "account_id": one.ended_through or None,
        "seconds": seconds_to_go(one, one.finished_at),
    }
