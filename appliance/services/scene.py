"""What the explanation of a message is made from, and the words in it that are the same in every sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from appliance.clock import local_date
from appliance.db.models import Message, Recipient, SenderAccount
from appliance.db.models.message import MessageStatus
from appliance.db.models.recipient import RecipientStatus
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID, AccountState
from appliance.db.queries.box import Pause
from appliance.language import gettext, ngettext
from appliance.services import kept_words
from appliance.services.routing import taking_turns

MOST_NAMED = 3
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Scene:
    """`accounts` are those that there are.

    `ahead`: messages that go out before it, counted up to `MOST_AHEAD` of the outbox.
    `standstill`: a sentence that says why nothing goes out from this box at all; empty while things go on.
    `pause`: of the whole box.
    """

    message: Message
    recipients: Sequence[Recipient]
    accounts: Mapping[str, SenderAccount]
    now: datetime
    zone: ZoneInfo
    ahead: int = 0
    standstill: str = ""
    pause: Pause | None = None

    def until(self) -> str:
        due = self.message.due_at
        if due is None:
            return gettext("until somebody releases it")
        if due <= self.now:
            return gettext("and is due now")
        return gettext("until %(moment)s", moment=self.told(_whole_minute(due)))

    @property
    def too_late(self) -> bool:
        """It cannot be tried again before it expires."""
        expires, due = self.message.expires_at, self.message.due_at
        return expires is not None and due is not None and due >= expires

    def told(self, moment: datetime) -> str:
        local, today = moment.astimezone(self.zone), self.now.astimezone(self.zone)
        days = (local.date() - today.date()).days
        facts = {"time": f"{local:%H:%M}", "zone": self.zone.key}
        if days == -1:
            return gettext("%(time)s yesterday (%(zone)s)", **facts)
        if days == 0:
            return gettext("%(time)s today (%(zone)s)", **facts)
        if days == 1:
            return gettext("%(time)s tomorrow (%(zone)s)", **facts)
        return gettext("%(time)s on %(date)s (%(zone)s)", date=f"{local:%Y-%m-%d}", **facts)

    @property
    def detail(self) -> str:
        """What the server or the account said, to go after a clause; empty when there is nothing."""
        text = kept_words.say(self.message.detail.strip()).rstrip(".。")
        return gettext(": %(said)s", said=text) if text else ""

    @property
    def at_expiry(self) -> str:
        expires = self.message.expires_at
        return gettext(" at %(moment)s", moment=self.told(expires)) if expires else ""

    def suppressed(self) -> Sequence[Recipient]:
        return [recipient for recipient in self.recipients if recipient.status == RecipientStatus.SUPPRESSED]

    def count(self, status: RecipientStatus) -> int:
        return sum(recipient.status == status for recipient in self.recipients)

    @property
    def candidates(self) -> Sequence[SenderAccount]:
        """The sender accounts that it may go out through, as `Routing` sees them."""
        choice = self.message.choice
        return taking_turns(one for key, one in self.accounts.items() if choice is None or key in choice.split())

    @property
    def only_mailbox(self) -> bool:
        """It asked for no account, and there is none but the built-in mailbox."""
        return self.message.choice is None and [one.id for one in self.candidates] == [BUILT_IN_MAILBOX_ID]

    @property
    def restricted(self) -> bool:
        """Its API key may use some sender accounts only, and the message asked for none of them."""
        return self.message.account_id is None and self.message.allowed_accounts is not None

    @property
    def pinned(self) -> bool:
        """It asked for one sender account and takes no other."""
        return self.message.account_id is not None

    @property
    def account(self) -> str:
        wanted = self.message.account_id or self.message.claim_account_id
        if wanted is None:
            return gettext("any sender account")
        account = self.accounts.get(wanted)
        if account is None:
            return gettext("a sender account that was deleted")
        return gettext("the sender account %(name)s", name=repr(account.name))

    def state(self, account: SenderAccount) -> AccountState:
        return account.state(self.now, local_date(self.now, self.zone))

    @property
    def content_is_gone(self) -> bool:
        return self.message.content_removed_at is not None

    @property
    def lost(self) -> bool:
        """The worker that holds it has not been heard of for too long."""
        lease = self.message.lease_until
        return self.message.status == MessageStatus.SENDING and lease is not None and lease < self.now

    @property
    def tried_for(self) -> str:
        """How long attempts were made, in words; empty when that is not known."""
        ended = self.message.finished_at
        if ended is None or self.message.created_at is None:
            return ""
        return gettext(" in %(period)s", period=_in_words(ended - self.message.age_from))


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _whole_minute(moment: datetime) -> datetime:
    """The first one that is not before `moment`: what is due in half a minute does not wait until now."""
    begun = moment.replace(second=0, microsecond=0)
    return begun if begun == moment else begun + timedelta(minutes=1)


def _in_words(period: timedelta) -> str:
    seconds = max(0, int(period.total_seconds()))
    if seconds >= 2 * _DAY:
        return ngettext("%(num)s day", "%(num)s days", seconds // _DAY)
    if seconds >= 2 * _HOUR:
        return ngettext("%(num)s hour", "%(num)s hours", seconds // _HOUR)
    if seconds >= 2 * _MINUTE:
        return ngettext("%(num)s minute", "%(num)s minutes", seconds // _MINUTE)
    return gettext("two minutes")
