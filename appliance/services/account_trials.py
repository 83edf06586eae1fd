"""Tries the server and the login of a sender account before there is one, and tells how it goes while it goes.

A trial lives in memory, with the password that was typed, until it is forgotten; what works becomes an account at once.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.models import AuditEntry, SenderAccount
from appliance.db.types import new_id
from appliance.errors import ApplianceError, NotFound, StorageUnavailable
from appliance.language import gettext
from appliance.mail.transport import Stage, TransportError
from appliance.services import account_test, sender_accounts
from appliance.services.permission import Permission, needs
from appliance.services.sender_accounts import AccountForm, SenderAccounts
from appliance.services.transports import Transports

MOST = 20
FORGOTTEN_AFTER = timedelta(minutes=30)

log = structlog.get_logger(__name__)


class TrialState(StrEnum):
    RUNNING = "running"
    GOOD = "good"
    BAD = "bad"


@dataclass(slots=True)
class Trial:
    """`dialogue` grows while the state is RUNNING; no line of it has a password. `account_id`: what became of it.

    `login_refused`: it is the username or the password that is wrong.
    """

    id: str
    form: AccountForm
    started_at: datetime
    state: TrialState = TrialState.RUNNING
    reason: str = ""
    login_refused: bool = False
    dialogue: list[str] = field(default_factory=list)
    account_id: str = ""
    once: str = ""
    is_noted: bool = False  # its failure, with the account


class AccountTrials:
    def __init__(
        self,
        database: Database,
        transports: Transports,
        vault: Vault,
        accounts: SenderAccounts,
        *,
        clock: Clock,
        start: Callable[[Callable[[], None]], object] = lambda work: threading.Thread(target=work, daemon=True).start(),
    ) -> None:
        self._database = database
        self._transports = transports
        self._vault = vault
        self._accounts = accounts
        self._clock = clock
        self._start = start
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._trials: OrderedDict[str, Trial] = OrderedDict()

    @needs(Permission.ADMINISTER)
    def begin(self, form: AccountForm, once: str = "") -> str:
        """Returns at once, with the trial's id. Raises InvalidInput with every wrong field, Forbidden.

        `once`: what the form is known by. The one that it began before goes on, instead of another one beside it;
        but what has failed is tried again, and so is a form that says something else by now.
        """
        trial = Trial(new_id("try"), sender_accounts.check(form), self._clock(), once=once)
        with self._lock:
            self._forget_old()
            for earlier in self._trials.values():
                if once and earlier.once == once and _stands_for(earlier, trial):
                    return earlier.id
            self._trials[trial.id] = trial
        context = copy_context()  # who acts, and in which language
        self._start(lambda: context.run(self._run, trial))
        return trial.id

    @needs(Permission.ADMINISTER)
    def look(self, trial_id: str) -> Trial:
        """Raises NotFound: there is none, or it is too long ago."""
        with self._lock:
            self._forget_old()
            trial = self._trials.get(trial_id)
        if trial is None:
            raise NotFound("trial", trial_id)
        return trial

    @needs(Permission.ADMINISTER)
    def keep(self, trial_id: str) -> str:
        """Makes the account all the same; once, however often it is asked. Returns its id. Raises NotFound."""
        trial = self.look(trial_id)
        account_id = self._make(trial)
        self._note_failure(trial)
        return account_id

    def _run(self, trial: Trial) -> None:
        try:
            account = self._account(trial.form)
            with closing(self._transports.smtp(account)) as transport:
                transport.check(trial.dialogue)
            self._make(trial)
        except TransportError as error:
            trial.login_refused = error.stage is Stage.AUTH
            trial.state, trial.reason = TrialState.BAD, str(error)
        except ApplianceError as error:
            trial.state, trial.reason = TrialState.BAD, str(error)
        except Exception:  # the outermost edge of a thread
            log.exception("a trial of a sender account broke off")
            trial.state, trial.reason = TrialState.BAD, gettext("The test broke off. The log says why.")
        else:
            trial.state = TrialState.GOOD
        self._note_failure(trial)

    def _make(self, trial: Trial) -> str:
        with self._making:
            trial.account_id = trial.account_id or self._accounts.create(trial.form)
        return trial.account_id

    def _note_failure(self, trial: Trial) -> None:
        """Of an account that was kept in spite of it, before or after: it is the last test of that account."""
        with self._making:
            if trial.state is not TrialState.BAD or not trial.account_id or trial.is_noted:
                return
            row = account_test.entry(trial.account_id, trial.form.name, None, trial.reason, self._clock())

            def write(session: Session) -> None:
                AuditEntry.note(session, row)

            with suppress(StorageUnavailable):  # the account is there, and that is what was asked for
                self._database.write(write)
                trial.is_noted = True

    def _account(self, form: AccountForm) -> SenderAccount:
        """One that is in no database."""
        return SenderAccount(
            id="acc_trial",
            host=form.host,
            port=form.port,
            security=form.security,
            username=form.username,
            password_encrypted=self._vault.encrypt(form.password) if form.password else "",
        )

    def _forget_old(self) -> None:
        now = self._clock()
        for trial in list(self._trials.values()):
            if now - trial.started_at > FORGOTTEN_AFTER or len(self._trials) > MOST:
                del self._trials[trial.id]


def _stands_for(earlier: Trial, trial: Trial) -> bool:
    return earlier.form == trial.form and (earlier.state is not TrialState.BAD or bool(earlier.account_id))
