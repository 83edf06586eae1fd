"""Sentences for messages that have ended: how, and what a person could still do."""

from collections.abc import Callable, Mapping, Sequence

from appliance.db.models import Recipient
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.recipient import RecipientStatus
from appliance.services.scene import MOST_NAMED, Scene


def _sent(scene: Scene) -> str:
    whom = "its recipient" if len(scene.recipients) == 1 else f"all {len(scene.recipients)} recipients"
    return f"The next server accepted it for {whom}; what happens after that is that server's to say."


def _partially_sent(scene: Scene) -> str:
    sent, failed = scene.count(RecipientStatus.SENT), scene.count(RecipientStatus.FAILED)
    if not failed:
        return f"The server accepted {sent} of {len(scene.recipients)} recipients."
    remedy = "Correct those addresses and send to them anew" + (
        "." if scene.content_is_gone else ", or retry it: it then goes to those only who did not get it."
    )
    return (
        f"The server accepted {sent} of {len(scene.recipients)} recipients and refused {failed}; "
        f"each refusal stands beside its address. {remedy}"
    )


def _partially_sent_exhausted(scene: Scene) -> str:
    sent = scene.count(RecipientStatus.SENT)
    return (
        f"The server accepted {sent} of {len(scene.recipients)} recipients; for the others it was given up after "
        f"{_attempts(scene)}, the last of which ended so{scene.detail}. {_retry(scene)} once the cause is gone."
    )


def _failed_refused(scene: Scene) -> str:
    return f"The server refused it for good{scene.detail}. Correct what it says, then {_retry(scene, capital=False)}."


def _failed_exhausted(scene: Scene) -> str:
    return (
        f"It was given up after {_attempts(scene)}, the last of which ended so{scene.detail}. "
        f"{_retry(scene)} once the cause is gone."
    )


def _failed_invalid(scene: Scene) -> str:
    return f"It could not be written as a message{scene.detail}. Send a corrected one."


def _failed_expired(scene: Scene) -> str:
    return (
        f"It expired{scene.at_expiry} before it could be sent{scene.detail}. Submit it anew if it should still go out."
    )


def _partially_sent_expired(scene: Scene) -> str:
    sent = scene.count(RecipientStatus.SENT)
    return (
        f"The server accepted {sent} of {len(scene.recipients)} recipients; for the others it expired before it could "
        f"be sent{scene.detail}. Submit it anew to them if it should still go out."
    )


def _failed(scene: Scene) -> str:
    return f"It failed{scene.detail}. {_retry(scene)} once the cause is gone."


def _suppressed(scene: Scene) -> str:
    stopped = scene.suppressed()
    if not stopped:
        return (
            "Every recipient is on the suppression list, so nothing was sent. Remove what stands under Suppressions "
            "and release what it stopped, or leave it as it is."
        )
    which = "Its recipient is" if len(stopped) == 1 else f"All {len(stopped)} recipients are"
    return (
        f"{which} on the suppression list, so nothing was sent: {_listed(stopped)}. "
        "Remove what stands under Suppressions and release what it stopped, or leave it as it is."
    )


def left_out(scene: Scene) -> str:
    """Goes after the sentence of any state, for messages that are more than their suppressed recipients."""
    stopped = scene.suppressed()
    if not stopped or scene.message.status == MessageStatus.SUPPRESSED:
        return ""
    which = "1 is" if len(stopped) == 1 else f"{len(stopped)} are"
    return (
        f" Of its {len(scene.recipients)} recipients {which} suppressed and left out: {_listed(stopped)}. "
        "Remove what stands under Suppressions and release what it stopped to send it there too."
    )


def _listed(stopped: Sequence[Recipient]) -> str:
    """The first of them with the reason; more would be no sentence."""
    named = [f"{one.email} ({one.reply_text.rstrip('.') or 'no reason was given'})" for one in stopped[:MOST_NAMED]]
    more = len(stopped) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _cancelled(scene: Scene) -> str:
    at = f" at {scene.told(scene.message.finished_at)}" if scene.message.finished_at else ""
    sent = scene.count(RecipientStatus.SENT)
    if not sent:
        return f"It was cancelled{at}, before it was sent; submit it anew if it should go out after all."
    had_it = f"{sent} of {len(scene.recipients)} recipients had it already"
    return f"It was cancelled{at}, when {had_it}; submit it anew to the others if they should get it after all."


def _attempts(scene: Scene) -> str:
    count = scene.message.attempts
    return f"{count} attempt{'' if count == 1 else 's'}{scene.tried_for if count > 1 else ''}"


def _retry(scene: Scene, *, capital: bool = True) -> str:
    if scene.content_is_gone:
        return "Its content is no longer kept: submit it anew" if capital else "submit it anew: its content is not kept"
    return "Retry it" if capital else "retry it"


Sentence = Callable[[Scene], str]
BY_STATUS: Mapping[str, Sentence] = {
    MessageStatus.SENT: _sent,
    MessageStatus.PARTIALLY_SENT: _partially_sent,
    MessageStatus.FAILED: _failed,
    MessageStatus.SUPPRESSED: _suppressed,
    MessageStatus.CANCELLED: _cancelled,
}
BY_REASON: Mapping[tuple[str, str], Sentence] = {
    (MessageStatus.FAILED, Reason.REFUSED): _failed_refused,
    (MessageStatus.FAILED, Reason.EXHAUSTED): _failed_exhausted,
    (MessageStatus.FAILED, Reason.INVALID): _failed_invalid,
    (MessageStatus.FAILED, Reason.EXPIRED): _failed_expired,
    (MessageStatus.PARTIALLY_SENT, Reason.EXPIRED): _partially_sent_expired,
    (MessageStatus.PARTIALLY_SENT, Reason.EXHAUSTED): _partially_sent_exhausted,
}
