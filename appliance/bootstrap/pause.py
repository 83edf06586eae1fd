"""Tells the log of a box that starts paused: what it would send, and how to let it."""

import structlog

from appliance.db.models.box import PauseReason
from appliance.services.box import Box

log = structlog.get_logger(__name__)


def tell_of_pause(box: Box) -> None:
    """Nothing when the box sends."""
    pause = box.pause_in_force()
    if pause is None:
        return
    waiting = box.waiting()
    restored = pause.reason == PauseReason.RESTORED
    log.warning(
        "this box was restored from a backup, so it sends nothing until somebody starts it on the status page"
        if restored
        else "sending is paused until somebody starts it on the status page",
        waiting=waiting.total,
        **waiting.by_status,
        by_account={account or "any": count for account, count in waiting.by_account.items()},
        oldest=waiting.oldest.isoformat() if waiting.oldest else None,
    )
