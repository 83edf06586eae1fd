"""What the API key of a submitter allows, applied to its messages: whom they are from, and how many there are a day."""

import math
from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import local_date, next_midnight
from appliance.db.models import ApiKey
from appliance.errors import FieldError, InvalidInput, NotAllowed, QuotaUsedUp
from appliance.mail.addresses import Address
from appliance.services import admission
from appliance.services.key_limits import NOT_ALLOWED, KeyLimits, Quota
from appliance.services.submit_message import SubmitMessage, Submitter

T = TypeVar("T")
Refused = InvalidInput | QuotaUsedUp


def applied(command: SubmitMessage, limits: KeyLimits) -> SubmitMessage:
    """A message that does not say whom it is from is from the only address that its key may use, where it is bound."""
    if command.sender is not None or limits.only_from is None:
        return command
    return replace(command, sender=Address(limits.only_from))


def errors(command: SubmitMessage, limits: KeyLimits) -> list[FieldError]:
    return limits.errors(command.sender.email if command.sender else None, command.account)


def faults(command: SubmitMessage, limits: KeyLimits, accounts: Set[str], now: datetime) -> list[FieldError]:
    """What its key may not do, and what cannot be done by now; each field once. `accounts`: see `admission.errors`."""
    wrong = errors(command, limits)
    named = {one.field for one in wrong}
    return [*wrong, *(one for one in admission.errors(command, accounts, now) if one.field not in named)]


def refusal(wrong: Iterable[FieldError]) -> InvalidInput:
    """NotAllowed where the fields are right in themselves, InvalidInput where any is not."""
    found = tuple(wrong)
    return NotAllowed(found) if all(one.code == NOT_ALLOWED for one in found) else InvalidInput(found)


def take(
    session: Session, submitter: Submitter, messages: int, now: datetime, zone: ZoneInfo
) -> Quota | QuotaUsedUp | None:
    """Counts `messages`, all or none, in the transaction that stores them: what is not stored is not counted.

    None: there is no limit. A quota that is used up is returned instead of raised, for `given`.
    """
    key_id, limit = submitter.api_key_id, submitter.limits.daily_limit
    if key_id is None or limit is None:
        return None
    midnight = next_midnight(now, zone)
    today = local_date(now, zone)
    left = ApiKey.reserve(session, key_id, messages, today=today, limit=limit)
    if left is not None:
        return Quota(limit, left, midnight)
    return _used_up(session.get(ApiKey, key_id), Quota(limit, 0, midnight), messages, today, now, zone)


def given(answer: T | Refused) -> T:
    """What a write returned, once it is over. Raises it if it is a refusal.

    Raising inside a write makes everybody else's writes of the same commit run again, and a program that is refused may
    well go on trying.
    """
    if isinstance(answer, InvalidInput | QuotaUsedUp):
        raise answer
    return answer


def _used_up(key: ApiKey | None, quota: Quota, messages: int, today: str, now: datetime, zone: ZoneInfo) -> QuotaUsedUp:
    left = max(0, quota.limit - key.used_on(today)) if key is not None else 0
    until = f"{quota.resets_at.astimezone(zone):%H:%M} ({zone.key})"
    detail = f"This API key may submit {quota.limit} messages a day; {left} are left until {until}"
    if messages > 1:
        detail += f", and this batch has {messages}, of which none was accepted"
    seconds = max(1, math.ceil((quota.resets_at - now).total_seconds()))
    return QuotaUsedUp(f"{detail}.", seconds, limit=quota.limit, remaining=left)
