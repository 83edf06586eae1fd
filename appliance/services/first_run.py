"""How far the first run has come: what is there already counts, whoever made it and on whichever page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.db.database import Database
from appliance.db.models import AuditEntry, Flag
from appliance.db.queries import first_run as facts
from appliance.services import audit
from appliance.services.permission import Permission, needs

FLAG = "first_run"


class Step(StrEnum):
    """In their order. The administrator is made by the setup link."""

    ADMINISTRATOR = "administrator"
    PLACE = "place"
    ACCOUNT = "account"
    KEY = "key"
    MESSAGE = "message"


ESSENTIAL = frozenset({Step.ACCOUNT, Step.KEY, Step.MESSAGE})
"""A box that has these can send."""


@dataclass(frozen=True, slots=True)
class Progress:
    done: frozenset[Step]
    dismissed: bool = False

    @property
    def is_over(self) -> bool:
        return self.dismissed or self.next is None

    @property
    def can_send(self) -> bool:
        """What is left can wait, whether or not anybody looks at it."""
        return self.done >= ESSENTIAL

    @property
    def next(self) -> Step | None:
        """The first one that is left; None: none is."""
        return next((step for step in Step if step not in self.done), None)


class FirstRun:
    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def progress(self) -> Progress:
        with self._database.read() as session:
            noted = _noted(session)
            there = {
                Step.ADMINISTRATOR: True,
                Step.ACCOUNT: facts.has_account(session),
                Step.KEY: facts.has_key(session),
                Step.MESSAGE: facts.has_sent(session),
            }
        done = {step for step, is_there in there.items() if is_there} | {Step(one) for one in noted.get("done", ())}
        return Progress(frozenset(done), bool(noted.get("dismissed")))

    @needs(Permission.ADMINISTER)
    def finish(self, step: Step) -> None:
        """It was gone through, also where nothing is left that shows it."""
        now = self._clock()

        def write(session: Session) -> None:
            noted = _locked(session, now)
            done = sorted({*noted.get("done", ()), str(step)})
            if done != noted.get("done"):
                Flag.put(session, FLAG, {**noted, "done": done}, now=now)

        self._database.write(write)

    @needs(Permission.ADMINISTER)
    def dismiss(self) -> None:
        """The overview says no more of it; the pages stay."""
        now = self._clock()
        row = audit.entry("first_run.dismissed", "", {}, now)

        def write(session: Session) -> None:
            Flag.put(session, FLAG, {**_locked(session, now), "dismissed": True}, now=now)
            AuditEntry.note(session, row)

        self._database.write(write)


def _locked(session: Session, now: datetime) -> Mapping[str, Any]:
    """What is noted; on a database server nobody else notes anything before this write ends."""
    Flag.put_new(session, FLAG, {}, now=now)
    value = Flag.locked(session, FLAG)
    return value if isinstance(value, dict) else {}


def _noted(session: Session) -> Mapping[str, Any]:
    value = facts.flag(session, FLAG)
    return value if isinstance(value, dict) else {}
