"""One SMTP transaction, told as an `Attempt`: the table from what a transport says to what it means."""

from collections.abc import Callable
from datetime import datetime
from types import MappingProxyType

from appliance.clock import Clock
from appliance.db.models import SenderAccount
from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.errors import StorageUnavailable
from appliance.mail.transport import (
    AccountTransportError,
    Envelope,
    PermanentTransportError,
    RecipientsRefused,
    Reply,
    SendResult,
    TemporaryTransportError,
    Transport,
    TransportError,
    UncertainTransportError,
    UnfitTransportError,
)
from appliance.services.verdict import Attempt

_OUTCOMES: MappingProxyType[type[TransportError], AttemptOutcome] = MappingProxyType(
    {
        AccountTransportError: AttemptOutcome.ACCOUNT_ERROR,
        UncertainTransportError: AttemptOutcome.UNCERTAIN,
        PermanentTransportError: AttemptOutcome.FAILED,
        TemporaryTransportError: AttemptOutcome.DEFERRED,
    }
)


def transact(
    transport_of: Callable[[SenderAccount], Transport],
    envelope: Envelope,
    account: SenderAccount,
    *,
    clock: Clock,
    timer: Callable[[], float],
) -> Attempt:
    """Hands `envelope` to the account's server. `timer` counts seconds and never goes back, whatever the clock does."""
    started_at, start = clock(), timer()

    def elapsed() -> int:
        return round((timer() - start) * 1000)

    try:
        result = transport_of(account).send(envelope)
        return _accepted(result, envelope, account, started_at, elapsed())
    except TransportError as error:
        return _refused(error, account, started_at, elapsed())
    except StorageUnavailable as error:  # the built-in mailbox keeps its mail in the database
        reply = Reply(None, str(error))
        return Attempt(
            account.id, account.name, AttemptOutcome.DEFERRED, reply, started_at, elapsed(), detail=str(error)
        )


def _accepted(
    result: SendResult, envelope: Envelope, account: SenderAccount, started_at: datetime, elapsed_ms: int
) -> Attempt:
    return Attempt(
        account.id,
        account.name,
        AttemptOutcome.PARTIAL if result.refused else AttemptOutcome.SENT,
        result.reply,
        started_at,
        elapsed_ms,
        server=result.server,
        accepted=frozenset(envelope.rcpt_to) - frozenset(result.refused),
        refused=result.refused,
    )


def _refused(error: TransportError, account: SenderAccount, started_at: datetime, elapsed_ms: int) -> Attempt:
    return Attempt(
        account.id,
        account.name,
        _outcome_of(error),
        error.reply,
        started_at,
        elapsed_ms,
        server=error.server,
        stage=error.stage,
        detail=str(error),
        refused=error.refused,
        unfit=isinstance(error, UnfitTransportError),
    )


def _outcome_of(error: TransportError) -> AttemptOutcome:
    if isinstance(error, RecipientsRefused):
        waiting = any(reply.temporary for reply in error.refused.values())
        return AttemptOutcome.DEFERRED if waiting else AttemptOutcome.FAILED
    return next(outcome for kind, outcome in _OUTCOMES.items() if isinstance(error, kind))
