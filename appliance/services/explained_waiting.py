"""Sentences for messages that have not ended: what each waits for, until when, and what a person could do."""

import re
from collections.abc import Callable, Mapping, Sequence, Set

from appliance.db.models import SenderAccount
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.sender_account import AccountState
from appliance.db.queries.outbox import MOST_AHEAD
from appliance.language import gettext, ngettext
from appliance.services import kept_words
from appliance.services.routing import ABLE
from appliance.services.scene import MOST_NAMED, Scene, capital

_GREYLISTING = re.compile(r"gr[ae]y-?list", re.IGNORECASE)


def _scheduled(scene: Scene) -> str:
    return gettext("It waits %(until)s, as its sender asked; cancel it if it should not go out.", until=scene.until())


def _queued(scene: Scene) -> str:
    if not scene.ahead:
        return gettext("It is in the outbox and goes out as soon as a delivery slot is free; nothing needs to be done.")
    if scene.ahead > MOST_AHEAD:
        return gettext(
            "It is in the outbox behind more than %(count)s other messages and goes out when a delivery slot is free "
            "for it; nothing needs to be done. Submit what must not wait with the priority high.",
            count=f"{MOST_AHEAD:,}",
        )
    return ngettext(
        "It is in the outbox behind %(ahead)s other message and goes out when a delivery slot is free for it; nothing "
        "needs to be done. Submit what must not wait with the priority high.",
        "It is in the outbox behind %(ahead)s other messages and goes out when a delivery slot is free for it; nothing "
        "needs to be done. Submit what must not wait with the priority high.",
        scene.ahead,
        ahead=f"{scene.ahead:,}",
    )


def _sending(scene: Scene) -> str:
    if scene.lost:
        return gettext(
            "The worker that was sending it has not been heard of for too long. It is taken back by itself in a moment "
            "and goes on from there; nothing needs to be done."
        )
    return gettext("It is being sent through %(account)s right now.", account=scene.account)


def _deferred(scene: Scene) -> str:
    facts = {"number": scene.message.attempts, "said": scene.detail, "until": scene.until()}
    if _GREYLISTING.search(scene.message.detail):
        return gettext(
            "The server puts off senders that it does not know yet (greylisting), at attempt %(number)s%(said)s. It "
            "waits %(until)s and is tried again then, which is what the server wants to see; nothing needs to be done.",
            **facts,
        )
    return gettext(
        "The server gave a temporary error at attempt %(number)s%(said)s. It waits %(until)s and is tried again then; "
        "retry it to try at once.",
        **facts,
    )


def deferred_too_long(scene: Scene) -> str:
    return gettext(
        "The last attempt did not succeed%(said)s. It expires%(at)s, before it could be tried again; retry it to try "
        "at once.",
        said=scene.detail,
        at=scene.at_expiry,
    )


def _deferred_account(scene: Scene) -> str:
    if not scene.candidates:
        return _without_account(scene)
    facts = {"said": scene.detail, "until": scene.until()}
    if scene.pinned:
        return gettext(
            "%(account)s, which is the only one that it may use, could not be used%(said)s. It waits %(until)s and is "
            "tried again then; mend the account under Sender accounts to send it sooner.",
            account=capital(scene.account),
            **facts,
        )
    if scene.restricted:
        return gettext(
            "No sender account that its API key may use could be used%(said)s. It waits %(until)s, when one is tried "
            "again; mend the account under Sender accounts to send it sooner.",
            **facts,
        )
    return gettext(
        "No sender account could be used%(said)s. It waits %(until)s, when one is tried again; mend the account under "
        "Sender accounts to send it sooner.",
        **facts,
    )


def _deferred_uncertain(scene: Scene) -> str:
    return gettext(
        "Whether the server accepted it is unknown, since no answer to the last attempt was seen. It waits %(until)s "
        "and is then sent again with the same Message-ID; cancel it if it must not go out twice.",
        until=scene.until(),
    )


def _held(scene: Scene) -> str:
    return gettext(
        "It is held %(until)s%(said)s; retry it to send it now, or cancel it.", until=scene.until(), said=scene.detail
    )


def _held_by_accounts(scene: Scene) -> str:
    """The reason is what ends first; the accounts may each be held up by something else."""
    accounts = scene.candidates
    states = {scene.state(account) for account in accounts}
    if not accounts:
        return _without_account(scene)
    if states & set(ABLE):
        return _mailbox_is_left(scene) if scene.only_mailbox else _held_as_it_was(scene)
    if len(states) == 1:
        return _held_for(scene, states.pop())
    facts = {"listed": _troubles(scene, accounts), "until": scene.until(), "remedies": _remedies(states)}
    if scene.restricted:
        return gettext(
            "No sender account that its API key may use can take it now: %(listed)s. It is held %(until)s; "
            "%(remedies)s to send it sooner.",
            **facts,
        )
    return gettext(
        "No sender account can take it now: %(listed)s. It is held %(until)s; %(remedies)s to send it sooner.", **facts
    )


def _held_as_it_was(scene: Scene) -> str:
    """An account can take it again: it is about to be looked at."""
    reason = scene.message.reason
    return _held_for(scene, _STATES[reason]) if reason in _STATES else _no_account(scene)


def _held_for(scene: Scene, state: AccountState) -> str:
    return {
        AccountState.FULL: _held_quota,
        AccountState.PAUSED: _held_paused,
        AccountState.RESTING: _held_breaker,
    }[state](scene)


def _held_quota(scene: Scene) -> str:
    if scene.pinned:
        return gettext(
            "%(account)s has no quota left today and it may use no other, so it is held %(until)s; raise its daily "
            "limit to send it sooner.",
            account=capital(scene.account),
            until=scene.until(),
        )
    if scene.restricted:
        return gettext(
            "No sender account that its API key may use has quota left today, so it is held %(until)s; raise a daily "
            "limit to send it sooner.",
            until=scene.until(),
        )
    return gettext(
        "No sender account has quota left today, so it is held %(until)s; raise a daily limit or add a sender account "
        "to send it sooner.",
        until=scene.until(),
    )


def _held_breaker(scene: Scene) -> str:
    errors = [one.last_error for one in scene.candidates if one.breaker_until and one.last_error]
    facts = {"because": _because(errors[0]) if errors else "", "until": scene.until()}
    if scene.pinned:
        return gettext(
            "%(account)s, which is the only one that it may use, rests after an error%(because)s, so it is held "
            "%(until)s; mend the account to send it sooner.",
            account=capital(scene.account),
            **facts,
        )
    return gettext(
        "Every sender account that could take it rests after an error%(because)s, so it is held %(until)s; mend the "
        "account to send it sooner.",
        **facts,
    )


def _held_paused(scene: Scene) -> str:
    if scene.pinned:
        return gettext(
            "%(account)s is paused and it may use no other; resume it under Sender accounts and it goes out, or cancel "
            "it.",
            account=capital(scene.account),
        )
    return gettext(
        "Every sender account that could take it is paused; resume one under Sender accounts and it goes out."
    )


def _held_kept_back(_scene: Scene) -> str:
    return gettext(
        "It waited while the box was paused, and was kept back when sending started; retry it if it should still go "
        "out, or cancel it."
    )


def _without_account(scene: Scene) -> str:
    """Whatever it was that it waited for, that account is deleted."""
    return _no_account(scene) if scene.message.choice is None else _held_account_gone(scene)


def _no_account(_scene: Scene) -> str:
    return gettext("There is no sender account; add one under Sender accounts and it goes out.")


def _mailbox_is_left(_scene: Scene) -> str:
    return gettext(
        "There is no sender account but the built-in mailbox; add one under Sender accounts and it goes out, or retry "
        "it, and the mailbox keeps it."
    )


def _held_account_gone(scene: Scene) -> str:
    if scene.restricted:
        return gettext(
            "Every sender account that its API key may use was deleted; cancel it, let the key use another one, "
            "and send it anew."
        )
    return gettext(
        "The sender account that it asked for was deleted; cancel it, or send it anew without naming an account."
    )


def _held_uncertain(_scene: Scene) -> str:
    return gettext(
        "Whether the server accepted it is unknown, since no answer to the last attempt was seen. "
        "Ask the recipient, then retry it (the Message-ID stays the same) or cancel it."
    )


def _troubles(scene: Scene, accounts: Sequence[SenderAccount]) -> str:
    """Of each account; the first few are enough for a sentence."""
    named = ", ".join(_trouble(scene, account) for account in accounts[:MOST_NAMED])
    more = len(accounts) - MOST_NAMED
    return gettext("%(named)s, and %(count)s more", named=named, count=more) if more > 0 else named


def _trouble(scene: Scene, account: SenderAccount) -> str:
    state, name = scene.state(account), repr(account.name)
    if state is AccountState.RESTING and account.breaker_until is not None:
        because = _because(account.last_error) if account.last_error else ""
        until = scene.told(account.breaker_until)
        return gettext(
            "%(name)s rests after an error%(because)s until %(until)s", name=name, because=because, until=until
        )
    if state is AccountState.PAUSED:
        return gettext("%(name)s is paused", name=name)
    return gettext("%(name)s has no quota left today", name=name)


def _because(error: str) -> str:
    return f" ({kept_words.say(error).rstrip('.。')})"


def _remedies(states: Set[AccountState]) -> str:
    words = {
        AccountState.PAUSED: gettext("resume an account"),
        AccountState.FULL: gettext("raise a daily limit"),
        AccountState.RESTING: gettext("mend an account"),
    }
    return gettext(" or ").join(word for state, word in words.items() if state in states)


_STATES: Mapping[str, AccountState] = {
    Reason.QUOTA: AccountState.FULL,
    Reason.PAUSED: AccountState.PAUSED,
    Reason.BREAKER: AccountState.RESTING,
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
    (MessageStatus.HELD, Reason.NO_ACCOUNT): _held_by_accounts,
    (MessageStatus.HELD, Reason.ACCOUNT_GONE): _held_account_gone,
    (MessageStatus.HELD, Reason.UNCERTAIN): _held_uncertain,
}
