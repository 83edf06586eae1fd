"""What the explanation of a message says while the whole box is paused."""

from appliance.db.models.box import PauseReason
from appliance.db.models.message import WAITING, MessageStatus
from appliance.db.queries.box import Pause
from appliance.services.scene import Scene


def queued(scene: Scene, pause: Pause) -> str:
    """Instead of the sentence of a message that nothing else keeps."""
    return f"The box {_why(scene, pause)}; start sending on the status page, and it goes out."


def beside(scene: Scene) -> str:
    """Goes after the sentence of a state that something else keeps a message in."""
    if scene.pause is None or scene.message.status not in WAITING or scene.message.status == MessageStatus.QUEUED:
        return ""
    return f" Besides, the box {_why(scene, scene.pause)}; start sending on the status page."


def _why(scene: Scene, pause: Pause) -> str:
    if pause.reason == PauseReason.RESTORED:
        made = f" that was made at {scene.told(pause.backup_at)}" if pause.backup_at else ""
        return f"is paused since it was restored from a backup{made}"
    by = f" by {pause.by}" if pause.by else ""
    because = f" ({pause.detail.rstrip('.')})" if pause.detail else ""
    return f"was paused{by} at {scene.told(pause.since)}{because}"
