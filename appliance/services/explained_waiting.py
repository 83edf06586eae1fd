"""Sentences for messages that have not ended: what each waits for, until when, and what a person could do."""

import re
from collections.abc import Callable, Mapping

from appliance.db.models import SenderAccount
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.sender_account import AccountState
from appliance.db.queries.outbox import MOST_AHEAD
from appliance.services.scene import MOST_NAMED, Scene, capital

_GREYLISTING = re.compile(r"gr[ae]y-?list", re.IGNORECASE)
_BUSY = (AccountState.READY, AccountState.PROBING)


def _scheduled(scene: Scene) -> str:
    return f"It waits {scene.until()}, as its sender asked; cancel it if it should not go out."


def _queued(scene: Scene) -> str:
    if not scene.ahead:
        return "It is in the outbox and goes out as soon as a delivery slot is free; nothing needs to be done."
    others = f"more than {MOST_AHEAD:,}" if scene.ahead > MOST_AHEAD else f"{scene.ahead:,}"
    return (
        f"It is in the outbox behind {others} other message{'s' if scene.ahead > 1 else ''} and goes out when a "
        "delivery slot is free for it; nothing needs to be done. Submit what must not wait with the priority high."
    )


def _sending(scene: Scene) -> str:
    if scene.lost:
        return (
            "The worker that was sending it has not been heard of for too long. It is taken back by itself in a moment "
            "and goes on from there; nothing needs to be done."
        )
    return f"It is being sent through {scene.account} right now."


def _deferred(scene: Scene) -> str:
    attempt = f"attempt {scene.message.attempts}{scene.detail}"
    if _GREYLISTING.search(scene.message.detail):
        return (
            f"The server puts off senders that it does not know yet (greylisting), at {attempt}. It waits "
            f"{scene.until()} and is tried again then, which is what the server wants to see; nothing needs to be done."
        )
    return (
        f"The server gave a temporary error at {attempt}. "
        f"It waits {scene.until()} and is tried again then; retry it to try at once."
    )


def deferred_too_long(scene: Scene) -> str:
    return (
        f"The last attempt did not succeed{scene.detail}. It expires{scene.at_expiry}, before it "
        "could be tried again; retry it to try at once."
    )


def _deferred_account(scene: Scene) -> str:
    return (
        f"No sender account could be used{scene.detail}. It waits {scene.until()}, when one is tried again; "
        "mend the account under Accounts to send it sooner."
    )


def _deferred_uncertain(scene: Scene) -> str:
    return (
        "Whether the server accepted it is unknown, since no answer to the last attempt was seen. "
        f"It waits {scene.until()} and is then sent again with the same Message-ID; cancel it if it must not go out "
        "twice."
    )


def _held(scene: Scene) -> str:
    return f"It is held {scene.until()}{scene.detail}; retry it to send it now, or cancel it."


def _held_by_accounts(scene: Scene) -> str:
    """The reason is what ends first; the accounts may each be held up by something else."""
    accounts = scene.candidates
    states = {scene.state(account) for account in accounts}
    if not accounts or states & set(_BUSY):
        return _held_for(scene, _STATES[scene.message.reason])  # it has changed since
    if len(states) == 1:
        return _held_for(scene, states.pop())
    named = [f"{account.name!r} {_trouble(scene, account)}" for account in accounts[:MOST_NAMED]]
    more = len(accounts) - len(named)
    listed = ", ".join(named) + (f", and {more} more" if more else "")
    remedies = " or ".join(_REMEDIES[state] for state in _REMEDIES if state in states)
    return f"No {_which(scene)} can take it now: {listed}. It is held {scene.until()}; {remedies} to send it sooner."


def _held_for(scene: Scene, state: AccountState) -> str:
    return {
        AccountState.FULL: _held_quota,
        AccountState.PAUSED: _held_paused,
        AccountState.RESTING: _held_breaker,
    }[state](scene)


def _held_quota(scene: Scene) -> str:
    if scene.pinned:
        return (
            f"{capital(scene.account)} has no quota left today and it may use no other, so it is held {scene.until()}; "
            "raise its daily limit to send it sooner."
        )
    remedy = "raise a daily limit" if scene.restricted else "raise a daily limit or add a sender account"
    return f"No {_which(scene)} has quota left today, so it is held {scene.until()}; {remedy} to send it sooner."


def _held_breaker(scene: Scene) -> str:
    errors = [one.last_error for one in scene.candidates if one.breaker_until and one.last_error]
    because = f" ({errors[0].rstrip('.')})" if errors else ""
    if scene.pinned:
        which = f"{capital(scene.account)}, which is the only one that it may use, rests"
    else:
        which = "Every sender account that could take it rests"
    return f"{which} after an error{because}, so it is held {scene.until()}; mend the account to send it sooner."


def _held_paused(scene: Scene) -> str:
    if scene.pinned:
        return (
            f"{capital(scene.account)} is paused and it may use no other; resume it under Accounts and it goes out, or "
            "cancel it."
        )
    return "Every sender account that could take it is paused; resume one under Accounts and it goes out."


def _held_kept_back(_scene: Scene) -> str:
    return (
        "It waited while the box was paused, and was kept back when sending started; retry it if it should still go "
        "out, or cancel it."
    )


def _held_no_account(_scene: Scene) -> str:
    return "There is no sender account; add one under Accounts and it goes out."


def _held_account_gone(scene: Scene) -> str:
    if scene.restricted:
        return (
            "Every sender account that its API key may use was deleted; cancel it, let the key use another one, "
            "and send it anew."
        )
    return "The sender account that it asked for was deleted; cancel it, or send it anew without naming an account."


def _held_uncertain(_scene: Scene) -> str:
    return (
        "Whether the server accepted it is unknown, since no answer to the last attempt was seen. "
        "Ask the recipient, then retry it (the Message-ID stays the same) or cancel it."
    )


def _which(scene: Scene) -> str:
    return "sender account that its API key may use" if scene.restricted else "sender account"


def _trouble(scene: Scene, account: SenderAccount) -> str:
    state = scene.state(account)
    if state is AccountState.RESTING and account.breaker_until is not None:
        because = f" ({account.last_error.rstrip('.')})" if account.last_error else ""
        return f"rests after an error{because} until {scene.told(account.breaker_until)}"
    return "is paused" if state is AccountState.PAUSED else "has no quota left today"


_STATES: Mapping[str, AccountState] = {
    Reason.QUOTA: AccountState.FULL,
    Reason.PAUSED: AccountState.PAUSED,
    Reason.BREAKER: AccountState.RESTING,
}
_REMEDIES: Mapping[AccountState, str] = {
    AccountState.PAUSED: "resume an account",
    AccountState.FULL: "raise a daily limit",
    AccountState.RESTING: "mend an account",
}

Sentence = Callable[[Scene], str]
BY_STATUS: Mapping[str, Sentence] = {
    MessageStatus.SCHEDULED: _scheduled,
    MessageStatus.QUEUED: _queued,
    MessageStatus.SENDING: _sending,
    MessageStatus.DEFERRED: _deferred,
    MessageStatus.HELD: _held,
}
BY_REASON: Mapping[tuple[str, str], Sentence] = {
    (MessageStatus.DEFERRED, Reason.ACCOUNT_ERROR): _deferred_account,
    (MessageStatus.DEFERRED, Reason.UNCERTAIN): _deferred_uncertain,
    (MessageStatus.HELD, Reason.QUOTA): _held_by_accounts,
    (MessageStatus.HELD, Reason.BREAKER): _held_by_accounts,
    (MessageStatus.HELD, Reason.PAUSED): _held_by_accounts,
    (MessageStatus.HELD, Reason.KEPT_BACK): _held_kept_back,
    (MessageStatus.HELD, Reason.NO_ACCOUNT): _held_no_account,
    (MessageStatus.HELD, Reason.ACCOUNT_GONE): _held_account_gone,
    (MessageStatus.HELD, Reason.UNCERTAIN): _held_uncertain,
}
