"""Sentences for messages that have ended: how, and what a person could still do."""

from collections.abc import Callable, Mapping, Sequence

from appliance.db.models import Recipient
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.recipient import RecipientStatus
from appliance.language import gettext, ngettext
from appliance.services import kept_words
from appliance.services.scene import MOST_NAMED, Scene


def _sent(scene: Scene) -> str:
    if len(scene.recipients) == 1:
        return gettext(
            "The next server accepted it for its recipient; what happens after that is that server's to say."
        )
    return gettext(
        "The next server accepted it for all %(count)s recipients; what happens after that is that server's to say.",
        count=len(scene.recipients),
    )


def _partially_sent(scene: Scene) -> str:
    failed = scene.count(RecipientStatus.FAILED)
    if not failed:
        return gettext("The server accepted %(sent)s of %(all)s recipients.", **_reached(scene))
    refused = gettext(
        "The server accepted %(sent)s of %(all)s recipients and refused %(failed)s; each refusal stands beside its "
        "address.",
        failed=failed,
        **_reached(scene),
    )
    if scene.content_is_gone:
        remedy = gettext("Correct those addresses and send to them anew.")
        return f"{refused} {remedy}"
    remedy = gettext(
        "Correct those addresses and send to them anew, or retry it: it then goes to those only who did not get it."
    )
    return f"{refused} {remedy}"


def _partially_sent_exhausted(scene: Scene) -> str:
    given_up = gettext(
        "The server accepted %(sent)s of %(all)s recipients; for the others it was given up after %(attempts)s, the "
        "last of which ended so%(said)s.",
        attempts=_attempts(scene),
        said=scene.detail,
        **_reached(scene),
    )
    return f"{given_up} {_retry_then(scene)}"


def _failed_refused(scene: Scene) -> str:
    if kept_words.tells_of_suppression(scene.message.detail):
        return gettext(
            "The server refused it for good%(said)s. Nothing is left to do, unless the address is right after all: "
            "then remove it under Suppressions, and retry the message.",
            said=scene.detail,
        )
    if scene.content_is_gone:
        return gettext(
            "The server refused it for good%(said)s. Correct what it says, then submit it anew: its content is not "
            "kept.",
            said=scene.detail,
        )
    return gettext("The server refused it for good%(said)s. Correct what it says, then retry it.", said=scene.detail)


def _failed_exhausted(scene: Scene) -> str:
    given_up = gettext(
        "It was given up after %(attempts)s, the last of which ended so%(said)s.",
        attempts=_attempts(scene),
        said=scene.detail,
    )
    return f"{given_up} {_retry_then(scene)}"


def _failed_invalid(scene: Scene) -> str:
    return gettext("It could not be written as a message%(said)s. Send a corrected one.", said=scene.detail)


def _failed_expired(scene: Scene) -> str:
    return gettext(
        "It expired%(at)s before it could be sent%(said)s. Submit it anew if it should still go out.",
        at=scene.at_expiry,
        said=scene.detail,
    )


def _partially_sent_expired(scene: Scene) -> str:
    return gettext(
        "The server accepted %(sent)s of %(all)s recipients; for the others it expired before it could be "
        "sent%(said)s. Submit it anew to them if it should still go out.",
        said=scene.detail,
        **_reached(scene),
    )


def _failed(scene: Scene) -> str:
    failed = gettext("It failed%(said)s.", said=scene.detail)
    return f"{failed} {_retry_then(scene)}"


def _suppressed(scene: Scene) -> str:
    stopped = scene.suppressed()
    if not stopped:
        return gettext(
            "Every recipient is on the suppression list, so nothing was sent. Remove what stands under Suppressions "
            "and release what it stopped, or leave it as it is."
        )
    if len(stopped) == 1:
        return gettext(
            "Its recipient is on the suppression list, so nothing was sent: %(listed)s. Remove what stands under "
            "Suppressions and release what it stopped, or leave it as it is.",
            listed=_listed(stopped),
        )
    return gettext(
        "All %(count)s recipients are on the suppression list, so nothing was sent: %(listed)s. Remove what stands "
        "under Suppressions and release what it stopped, or leave it as it is.",
        count=len(stopped),
        listed=_listed(stopped),
    )


def left_out(scene: Scene) -> str:
    """Goes after the sentence of any state, for messages that are more than their suppressed recipients."""
    stopped = scene.suppressed()
    if not stopped or scene.message.status == MessageStatus.SUPPRESSED:
        return ""
    return " " + ngettext(
        "Of its %(all)s recipients %(num)s is suppressed and left out: %(listed)s. Remove what stands under "
        "Suppressions and release what it stopped to send it there too.",
        "Of its %(all)s recipients %(num)s are suppressed and left out: %(listed)s. Remove what stands under "
        "Suppressions and release what it stopped to send it there too.",
        len(stopped),
        all=len(scene.recipients),
        listed=_listed(stopped),
    )


def _listed(stopped: Sequence[Recipient]) -> str:
    """The first of them with the reason; more would be no sentence."""
    named = ", ".join(f"{one.email} ({_why(one)})" for one in stopped[:MOST_NAMED])
    more = len(stopped) - MOST_NAMED
    return gettext("%(named)s and %(count)s more", named=named, count=more) if more > 0 else named


def _why(stopped: Recipient) -> str:
    return kept_words.say(stopped.reply_text).rstrip(".。") or gettext("no reason was given")


def _cancelled(scene: Scene) -> str:
    ended = scene.message.finished_at
    at = gettext(" at %(moment)s", moment=scene.told(ended)) if ended else ""
    if not scene.count(RecipientStatus.SENT):
        return gettext(
            "It was cancelled%(at)s, before it was sent; submit it anew if it should go out after all.", at=at
        )
    return gettext(
        "It was cancelled%(at)s, when %(sent)s of %(all)s recipients had it already; submit it anew to the others if "
        "they should get it after all.",
        at=at,
        **_reached(scene),
    )


def _reached(scene: Scene) -> dict[str, int]:
    return {"sent": scene.count(RecipientStatus.SENT), "all": len(scene.recipients)}


def _attempts(scene: Scene) -> str:
    count = scene.message.attempts
    made = ngettext("%(num)s attempt", "%(num)s attempts", count)
    return f"{made}{scene.tried_for if count > 1 else ''}"


def _retry_then(scene: Scene) -> str:
    if scene.content_is_gone:
        return gettext("Its content is no longer kept: submit it anew once the cause is gone.")
    return gettext("Retry it once the cause is gone.")


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
