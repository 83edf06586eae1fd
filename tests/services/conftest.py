"""The delivery chain as the appliance wires it, on a real database, with a clock that the test turns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.config.settings import DeliverySettings, DispatcherSettings
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.models import SenderAccount
from appliance.db.models.message import Reason
from appliance.db.models.message_sets import SetAction
from appliance.db.queries import accounts, messages
from appliance.db.queries.messages import Detail
from appliance.mail.smtp_wire import LookUp, look_up
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.bulk import Bulk, kind_of
from appliance.services.composition import Composition
from appliance.services.delivery import Delivery
from appliance.services.explanation import Scene, explain
from appliance.services.in_flight import Claim, InFlight
from appliance.services.job_runs import JobRuns, Work
from appliance.services.jobs import Jobs
from appliance.services.mailbox import Mailbox
from appliance.services.messages import Messages
from appliance.services.outbox import Outbox
from appliance.services.rescue import Rescue
from appliance.services.sender_accounts import SenderAccounts
from appliance.services.submission import Submission, Submitter
from appliance.services.suppression_release import KIND, SuppressionRelease
from appliance.services.suppressions import Suppressions
from appliance.services.transports import Transports
from tests.factories import account_form, submit_message
from tests.fakes import FakeClock, FakeTransport, FakeTransports
from tests.services.webhooks import Hooks
from tests.smtp_sink import SmtpSink
from tests.webhook_receiver import WebhookReceiver

UTC = ZoneInfo("UTC")
IMPATIENT = {"connect_timeout": 2, "command_timeout": 2, "data_timeout": 2}
ACME = Submitter("key_acme", "req_1")


@dataclass
class Chain:
    """Submission to record, every step called by the test instead of by a component."""

    database: Database
    clock: FakeClock
    directory: Path
    delivery_settings: DeliverySettings = field(default_factory=lambda: DeliverySettings(**IMPATIENT))
    dispatcher_settings: DispatcherSettings = field(default_factory=DispatcherSettings)
    zone: ZoneInfo = UTC
    fakes: FakeTransports | None = None
    look_up: LookUp = look_up

    def __post_init__(self) -> None:
        database, clock = self.database, self.clock
        self.vault = Vault(Vault.new_key())
        self.outbox = Outbox(database, self.dispatcher_settings, box_id="thisbox0", zone=self.zone, clock=clock)
        self.in_flight = InFlight()
        self.mailbox = Mailbox(database, clock=clock)
        self.transports = Transports(
            self.delivery_settings, self.vault, hostname="box.example", keep=self.mailbox.keep, look_up=self.look_up
        )
        self.messages = Messages(database, self.outbox, clock=clock)
        self.accounts = SenderAccounts(database, self.vault, self.messages, zone=self.zone, clock=clock)
        self.accounts.ensure_built_in_mailbox("postroom@box.example")
        self.submission = Submission(database, self.outbox, hostname="box.example", clock=clock)
        self.jobs = Jobs(database, clock=clock)
        self.suppression_release = SuppressionRelease(database, self.jobs, on_due=self.outbox.notify, clock=clock)
        self.suppressions = Suppressions(database, self.suppression_release, run_native=lambda fn: fn(), clock=clock)
        self.bulk = Bulk(database, self.jobs, on_due=self.outbox.notify, clock=clock)
        self.job_runs = self.another_job_runner()
        self.rescue = Rescue(database, self.delivery_settings, clock=clock)
        self.composition = Composition(AttachmentFiles(self.directory / "attachments"), lambda fn: fn())
        self.delivery = self.another_worker(self.in_flight)

    def another_worker(self, in_flight: InFlight) -> Delivery:
        return Delivery(
            self.database,
            self.fakes or self.transports,  # type: ignore[arg-type]
            self.composition,
            in_flight,
            settings=self.delivery_settings,
            dispatcher=self.dispatcher_settings,
            zone=self.zone,
            clock=self.clock,
            on_recovery=partial(self.messages.release_held, [Reason.BREAKER]),
        )

    def another_job_runner(self) -> JobRuns:
        works: dict[str, Work] = {**dict.fromkeys(map(kind_of, SetAction), self.bulk), KIND: self.suppression_release}
        return JobRuns(self.database, self.jobs, works, clock=self.clock)

    def account(self, sink: SmtpSink | None = None, **overrides: Any) -> str:
        return self.accounts.create(account_form(sink, **overrides))

    def submit(self, *to: str, **overrides: Any) -> str:
        return self.submission.submit(submit_message(*to, **overrides), ACME).id

    def claim(self, slots: int = 4, high_slots: int = 4) -> list[Claim]:
        return self.outbox.claim(slots, high_slots).claims

    def deliver(self, claim: Claim) -> dict[str, int]:
        self.in_flight.add(claim)
        return self.delivery.deliver(claim.message_ids, claim.id)

    def turn(self) -> None:
        """What is due now is claimed and delivered, round after round until nothing can go."""
        while True:
            round_ = self.outbox.claim(4, 4)
            for claim in round_.claims:
                self.deliver(claim)
            self.rescue.leftovers(self.in_flight.take_ended())
            if not round_.claims and not round_.more:
                return

    def detail(self, message_id: str) -> Detail:
        with self.database.read() as session:
            found = messages.detail(session, message_id, now=self.clock())
            assert found is not None
            return found

    def status(self, message_id: str) -> str:
        return self.detail(message_id).message.status

    def explanation(self, message_id: str) -> str:
        found = self.detail(message_id)
        known = {account.id: account for account in found.accounts}
        return explain(Scene(found.message, found.recipients, known, self.clock(), self.zone, found.ahead))

    def sender(self, account_id: str) -> SenderAccount:
        with self.database.read() as session:
            found = session.get(SenderAccount, account_id)
            assert found is not None
            return found

    def sent_today(self, account_id: str) -> int:
        return self.sender(account_id).sent_on(self.clock().astimezone(self.zone).date().isoformat())

    def statuses(self) -> dict[str, int]:
        """Only those states that a message is in."""
        with self.database.read() as session:
            return {status: count for status, count in messages.counts_by_status(session).items() if count}

    def active_accounts(self) -> list[SenderAccount]:
        with self.database.read() as session:
            return list(accounts.by_priority(session))

    def close(self) -> None:
        self.transports.close()


MakeChain = Callable[..., Chain]


@pytest.fixture
def make_chain(database: Database, clock: FakeClock, tmp_path: Path) -> Iterator[MakeChain]:
    """`make_chain(delivery_settings=...)`; a second call is a second process on the same database."""
    made: list[Chain] = []

    def make(**overrides: Any) -> Chain:
        chain = Chain(**{"database": database, "clock": clock, "directory": tmp_path} | overrides)
        made.append(chain)
        return chain

    yield make
    for chain in made:
        chain.close()


@pytest.fixture
def chain(make_chain: MakeChain) -> Chain:
    return make_chain()


@pytest.fixture
def faked(make_chain: MakeChain) -> Chain:
    """A chain whose transports are fakes: for faults that no server can be told to have."""
    return make_chain(fakes=FakeTransports())


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def other_sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


def fake_of(chain: Chain, account_id: str) -> FakeTransport:
    assert chain.fakes is not None
    return chain.fakes.of(chain.sender(account_id))


def outcomes(chain: Chain, message_id: str) -> list[str]:
    """Of its attempts, the oldest first."""
    return [attempt.outcome for attempt in chain.detail(message_id).attempts]


@pytest.fixture
def hooks(database: Database, clock: FakeClock) -> Hooks:
    """Webhooks, which may go to receivers on this machine."""
    return Hooks(database, clock)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver
