"""Says in one sentence why a message is where it is: what it waits for, until when, and what a person could do."""

from appliance.db.models.message import WAITING, MessageStatus
from appliance.language import gettext
from appliance.services import explained_ends, explained_pause, explained_waiting
from appliance.services.explained_ends import left_out
from appliance.services.explained_waiting import deferred_too_long
from appliance.services.scene import Scene

__all__ = ["Scene", "explain"]

_BY_STATUS = {**explained_waiting.BY_STATUS, **explained_ends.BY_STATUS}
_BY_REASON = {**explained_waiting.BY_REASON, **explained_ends.BY_REASON}


def explain(scene: Scene) -> str:
    message = scene.message
    if message.status == MessageStatus.QUEUED and scene.pause is not None:
        return explained_pause.queued(scene, scene.pause) + _in_time(scene) + left_out(scene)
    by_reason = _BY_REASON.get((message.status, message.reason))
    if message.status == MessageStatus.DEFERRED and scene.too_late:
        return deferred_too_long(scene) + left_out(scene)
    sentence = (by_reason or _BY_STATUS[message.status])(scene)
    return sentence + explained_pause.beside(scene) + _standstill(scene) + _in_time(scene) + left_out(scene)


def _standstill(scene: Scene) -> str:
    """Goes after the sentence of any message that should be on its way."""
    due = scene.message.due_at
    ready = scene.message.status in WAITING and due is not None and due <= scene.now
    if not scene.standstill or not (ready or scene.message.status == MessageStatus.SENDING):
        return ""
    return " " + gettext("But nothing goes out at the moment: %(why)s", why=scene.standstill)


def _in_time(scene: Scene) -> str:
    """Goes after the sentence of any state that a message can expire in."""
    if scene.message.expires_at is None or scene.message.status not in WAITING:
        return ""
    if scene.too_late:
        return " " + gettext("It expires%(at)s, before that.", at=scene.at_expiry)
    return " " + gettext("It expires%(at)s.", at=scene.at_expiry)
