"""What the explanation of a message says while the whole box is paused."""

from appliance.db.models.box import PauseReason
from appliance.db.models.message import WAITING, MessageStatus
from appliance.db.queries.box import Pause
from appliance.language import gettext
from appliance.services.scene import Scene


def queued(scene: Scene, pause: Pause) -> str:
    """Instead of the sentence of a message that nothing else keeps."""
    return gettext(
        "The box %(is_paused)s; start sending on the status page, and it goes out.", is_paused=_why(scene, pause)
    )


def beside(scene: Scene) -> str:
    """Goes after the sentence of a state that something else keeps a message in."""
    if scene.pause is None or scene.message.status not in WAITING or scene.message.status == MessageStatus.QUEUED:
        return ""
    why = _why(scene, scene.pause)
    return " " + gettext("Besides, the box %(is_paused)s; start sending on the status page.", is_paused=why)


def _why(scene: Scene, pause: Pause) -> str:
    if pause.reason == PauseReason.RESTORED:
        if pause.backup_at is None:
            return gettext("is paused since it was restored from a backup")
        made = scene.told(pause.backup_at)
        return gettext("is paused since it was restored from a backup that was made at %(moment)s", moment=made)
    because = f" ({pause.detail.rstrip('.')})" if pause.detail else ""
    facts = {"moment": scene.told(pause.since), "because": because}
    if pause.by:
        return gettext("was paused by %(who)s at %(moment)s%(because)s", who=pause.by, **facts)
    return gettext("was paused at %(moment)s%(because)s", **facts)
