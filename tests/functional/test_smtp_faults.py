"""Every fault of a server against the real delivery, on a real database and over real sockets: the table holds."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.config.settings import DeliverySettings
from appliance.db.database import Database
from appliance.db.models.sender_account import AccountState
from appliance.mail import smtp
from tests import certificates
from tests.fakes import FakeClock
from tests.functional.smtp_faults import DOCUMENT, FAULTS, RESTS, SETTINGS, UNFIT, Fault, as_documented, section, table
from tests.services.conftest import Chain
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

TODAY = "2026-03-10"
WAITS_OF_A_MESSAGE = {30: "30 s", 60: "1 min"}

Meet = Callable[[Fault], "Met"]


class Met:
    """One fault, acted out, and the delivery of one message that met it."""

    def __init__(self, fault: Fault, chain: Chain, sink: SmtpSink) -> None:
        self.fault = fault
        self.chain = chain
        self.sink = sink
        self.account = chain.account(sink, priority=1, **fault.sender)
        fault.script(sink)
        self.message = chain.submit(*fault.to, **fault.message)

    @property
    def retry(self) -> str:
        found = self.chain.detail(self.message).message
        if found.due_at is None or found.status != "deferred":
            return ""
        return WAITS_OF_A_MESSAGE[round((found.due_at - self.chain.clock()).total_seconds())]

    @property
    def explanation(self) -> str:
        server = f"{self.fault.sender.get('host', '127.0.0.1')}:{self.sink.port}"
        return as_documented(self.chain.explanation(self.message), server, self.chain.delivery_settings)

    @property
    def taken(self) -> int:
        """Once the sink has noticed that nothing more comes."""
        self.sink.drop_connections()
        wait_until(lambda: not self.sink.open_connections)
        return self.sink.count

    @property
    def rests(self) -> bool:
        return self.chain.sender(self.account).state(self.chain.clock(), TODAY) is AccountState.RESTING


@pytest.fixture
def meet(database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meet]:
    with ExitStack() as stack:

        def meet(fault: Fault) -> Met:
            if fault.trusted:
                _trust_the_authority(tmp_path, monkeypatch)
                stack.callback(smtp.system_tls.cache_clear)
            sink = stack.enter_context(SmtpSink(**fault.sink))
            settings = DeliverySettings(**SETTINGS.model_dump() | dict(fault.settings))
            chain = Chain(database, clock, tmp_path, delivery_settings=settings, look_up=fault.look_up)
            stack.callback(chain.close)
            return Met(fault, chain, sink)

        yield meet


def _trust_the_authority(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = directory / "authority.pem"
    file.write_text(certificates.public_certificate(), encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    smtp.system_tls.cache_clear()


def named(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=[fault.name for fault in faults])


@named(FAULTS)
def test_fault_has_the_effect_that_the_table_tells(meet: Meet, fault: Fault) -> None:
    met = meet(fault)
    chain = met.chain

    chain.deliver(chain.claim()[0])

    found = chain.detail(met.message).message
    assert (found.status, found.attempts, met.retry) == (fault.status, fault.attempts, fault.retry)
    assert met.rests == (fault.account == RESTS)
    assert chain.sent_today(met.account) == fault.counted
    assert met.taken == fault.taken
    assert met.explanation == fault.explanation


@named(FAULTS)
def test_another_account_takes_over_when_account_or_server_is_to_blame_and_only_then(meet: Meet, fault: Fault) -> None:
    met = meet(fault)
    with SmtpSink() as other:
        second = met.chain.account(other, name="Second", priority=0)

        met.chain.deliver(met.chain.claim()[0])

    took_over = fault.account in (RESTS, UNFIT)
    assert other.count == met.chain.sent_today(second) == int(took_over)
    assert met.chain.status(met.message) == ("sent" if took_over else fault.status)
    assert met.chain.sent_today(met.account) == fault.counted


@named([fault for fault in FAULTS if fault.retry and not fault.lasting])
def test_message_goes_out_once_the_server_is_well_again(meet: Meet, fault: Fault) -> None:
    met = meet(fault)
    met.chain.deliver(met.chain.claim()[0])

    assert met.taken == fault.taken
    met.sink.stop()
    met.sink.forget_rules()
    met.sink.start()
    due_at = met.chain.detail(met.message).message.due_at
    assert due_at is not None
    met.chain.clock.now = due_at
    met.chain.turn()

    assert met.chain.status(met.message) == "sent"
    assert met.sink.count == fault.taken + 1
    assert len({message.message_id for message in met.sink.messages}) == 1
    reached = [address for message in met.sink.messages for address in message.rcpt_to]
    assert len(reached) == len(fault.to) * (1 if fault.taken == 0 or len(fault.to) > 1 else 2)
    assert not met.rests


def test_document_shows_the_table_that_is_tested() -> None:
    assert section(DOCUMENT.read_text(encoding="utf-8")) == table(), "python -m tests.functional.smtp_faults"


def test_table_has_a_name_for_each_fault() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
