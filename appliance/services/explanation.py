"""Says in one sentence why a message is where it is: what it waits for, until when, and what a person could do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from appliance.db.models import Message, Recipient, SenderAccount
from appliance.db.models.message import WAITING, MessageStatus, Reason
from appliance.db.models.recipient import RecipientStatus

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """What an explanation is made from."""

    message: Message
    recipients: Sequence[Recipient]
    accounts: Mapping[str, SenderAccount]
    now: datetime
    zone: ZoneInfo

    def until(self) -> str:
        due = self.message.due_at
        if due is None:
            return "until somebody releases it"
        if due <= self.now:
            return "and is due now"
        return f"until {self.told(due)}"

    @property
    def too_late(self) -> bool:
        """It cannot be tried again before it expires."""
        expires, due = self.message.expires_at, self.message.due_at
        return expires is not None and due is not None and due >= expires

    def told(self, moment: datetime) -> str:
        local, today = moment.astimezone(self.zone), self.now.astimezone(self.zone)
        days = (local.date() - today.date()).days
        day = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days, f"on {local:%Y-%m-%d}")
        return f"{local:%H:%M} {day} ({self.zone.key})"

    def suppressed(self) -> Sequence[Recipient]:
        return [recipient for recipient in self.recipients if recipient.status == RecipientStatus.SUPPRESSED]

    def count(self, status: RecipientStatus) -> int:
        return sum(recipient.status == status for recipient in self.recipients)

    @property
    def account(self) -> str:
        account = self.accounts.get(self.message.account_id or self.message.claim_account_id or "")
        return f"the sender account {account.name!r}" if account else "any sender account"


def explain(scene: Scene) -> str:
    message = scene.message
    by_reason = _BY_REASON.get((message.status, message.reason))
    if message.status == MessageStatus.DEFERRED and scene.too_late:
        return _deferred_too_long(scene) + _left_out(scene)
    return (by_reason or _BY_STATUS[message.status])(scene) + _in_time(scene) + _left_out(scene)


def _in_time(scene: Scene) -> str:
    """Goes after the sentence of any state that a message can expire in."""
    if scene.message.expires_at is None or scene.message.status not in WAITING:
        return ""
    return f" It expires{_at_expiry(scene)}{', before that' if scene.too_late else ''}."


def _at_expiry(scene: Scene) -> str:
    expires = scene.message.expires_at
    return f" at {scene.told(expires)}" if expires else ""


def _detail(scene: Scene) -> str:
    text = scene.message.detail.strip().rstrip(".")
    return f": {text}" if text else ""


def _scheduled(scene: Scene) -> str:
    return f"It waits {scene.until()}, as its sender asked; cancel it if it should not go out."


def _queued(_scene: Scene) -> str:
    return "It is in the outbox and goes out as soon as a delivery slot is free; nothing needs to be done."


def _sending(scene: Scene) -> str:
    return f"It is being sent through {scene.account} right now."


def _deferred(scene: Scene) -> str:
    return (
        f"The server gave a temporary error at attempt {scene.message.attempts}{_detail(scene)}. "
        f"It waits {scene.until()} and is tried again then; retry it to try at once."
    )


def _deferred_too_long(scene: Scene) -> str:
    return (
        f"The last attempt did not succeed{_detail(scene)}. It expires{_at_expiry(scene)}, before it "
        "could be tried again; retry it to try at once."
    )


def _deferred_account(scene: Scene) -> str:
    return (
        f"No sender account could be used{_detail(scene)}. It waits {scene.until()}, when one is tried again; "
        "mend the account under Accounts to send it sooner."
    )


def _deferred_uncertain(scene: Scene) -> str:
    return (
        "Whether the server accepted it is unknown, since no answer to the last attempt was seen. "
        f"It waits {scene.until()} and is then sent again with the same Message-ID."
    )


def _held(scene: Scene) -> str:
    return f"It is held {scene.until()}{_detail(scene)}."


def _held_quota(scene: Scene) -> str:
    pinned = scene.message.account_id is not None
    full = f"{_capital(scene.account)} has no quota left today" if pinned else "No sender account has quota left today"
    return f"{full}, so it is held {scene.until()}; raise a daily limit or add a sender account to send it sooner."


def _held_breaker(scene: Scene) -> str:
    errors = [account.last_error for account in scene.accounts.values() if account.breaker_until and account.last_error]
    because = f" ({errors[0].rstrip('.')})" if errors else ""
    return (
        f"Every sender account that could take it rests after an error{because}, so it is held {scene.until()}; "
        "mend the account to send it sooner."
    )


def _held_paused(_scene: Scene) -> str:
    return "Every sender account that could take it is paused; resume one under Accounts and it goes out."


def _held_no_account(_scene: Scene) -> str:
    return "There is no sender account; add one under Accounts and it goes out."


def _held_account_gone(_scene: Scene) -> str:
    return "The sender account that it asked for was deleted; cancel it, or send it anew without naming an account."


def _held_uncertain(_scene: Scene) -> str:
    return (
        "Whether the server accepted it is unknown, since no answer to the last attempt was seen. "
        "Ask the recipient, then retry it (the Message-ID stays the same) or cancel it."
    )


def _sent(scene: Scene) -> str:
    if len(scene.recipients) == 1:
        return "The next server accepted it for its recipient; what happens after that is that server's to say."
    return f"The next server accepted it for all {len(scene.recipients)} recipients."


def _partially_sent(scene: Scene) -> str:
    sent, failed = scene.count(RecipientStatus.SENT), scene.count(RecipientStatus.FAILED)
    if not failed:
        return f"The server accepted {sent} of {len(scene.recipients)} recipients."
    return (
        f"The server accepted {sent} of {len(scene.recipients)} recipients and refused {failed}; "
        "each refusal stands beside its address. Correct those addresses and send to them anew."
    )


def _failed_refused(scene: Scene) -> str:
    return f"The server refused it for good{_detail(scene)}. Correct what it says and retry."


def _failed_exhausted(scene: Scene) -> str:
    return (
        f"It was given up after {scene.message.attempts} attempts, the last of which ended so{_detail(scene)}. "
        "Retry it once the cause is gone."
    )


def _failed_invalid(scene: Scene) -> str:
    return f"It could not be written as a message{_detail(scene)}. Send a corrected one."


def _failed_expired(scene: Scene) -> str:
    return (
        f"It expired{_at_expiry(scene)} before it could be sent{_detail(scene)}. "
        "Submit it anew if it should still go out."
    )


def _partially_sent_expired(scene: Scene) -> str:
    sent = scene.count(RecipientStatus.SENT)
    return (
        f"The server accepted {sent} of {len(scene.recipients)} recipients; for the others it expired before it could "
        f"be sent{_detail(scene)}. Submit it anew to them if it should still go out."
    )


def _failed(scene: Scene) -> str:
    return f"It failed{_detail(scene)}."


def _suppressed(scene: Scene) -> str:
    stopped = scene.suppressed()
    if not stopped:
        return "Every recipient is on the suppression list, so nothing was sent."
    which = "Its recipient is" if len(stopped) == 1 else f"All {len(stopped)} recipients are"
    return (
        f"{which} on the suppression list, so nothing was sent: {_listed(stopped)}. "
        "Remove what stands under Suppressions and release what it stopped, or leave it as it is."
    )


def _left_out(scene: Scene) -> str:
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


def _cancelled(_scene: Scene) -> str:
    return "It was cancelled before it was sent."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_BY_STATUS: Mapping[str, Callable[[Scene], str]] = {
    MessageStatus.SCHEDULED: _scheduled,
    MessageStatus.QUEUED: _queued,
    MessageStatus.SENDING: _sending,
    MessageStatus.DEFERRED: _deferred,
    MessageStatus.HELD: _held,
    MessageStatus.SENT: _sent,
    MessageStatus.PARTIALLY_SENT: _partially_sent,
    MessageStatus.FAILED: _failed,
    MessageStatus.SUPPRESSED: _suppressed,
    MessageStatus.CANCELLED: _cancelled,
}

_BY_REASON: Mapping[tuple[str, str], Callable[[Scene], str]] = {
    (MessageStatus.DEFERRED, Reason.ACCOUNT_ERROR): _deferred_account,
    (MessageStatus.DEFERRED, Reason.UNCERTAIN): _deferred_uncertain,
    (MessageStatus.HELD, Reason.QUOTA): _held_quota,
    (MessageStatus.HELD, Reason.BREAKER): _held_breaker,
    (MessageStatus.HELD, Reason.PAUSED): _held_paused,
    (MessageStatus.HELD, Reason.NO_ACCOUNT): _held_no_account,
    (MessageStatus.HELD, Reason.ACCOUNT_GONE): _held_account_gone,
    (MessageStatus.HELD, Reason.UNCERTAIN): _held_uncertain,
    (MessageStatus.FAILED, Reason.REFUSED): _failed_refused,
    (MessageStatus.FAILED, Reason.EXHAUSTED): _failed_exhausted,
    (MessageStatus.FAILED, Reason.INVALID): _failed_invalid,
    (MessageStatus.FAILED, Reason.EXPIRED): _failed_expired,
    (MessageStatus.PARTIALLY_SENT, Reason.EXPIRED): _partially_sent_expired,
}
