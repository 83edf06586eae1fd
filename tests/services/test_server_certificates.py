"""Each server is asked for its certificate once a day, and soon after an account of it is new, changed or tested.

What is known of one that does not answer stays.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from appliance.db.database import Database
from appliance.db.models import SenderAccount
from appliance.mail.transport import AccountTransportError, Stage
from appliance.services.server_certificates import ServerCertificates
from tests.factories import add_account
from tests.fakes import FakeClock, FakeTimer

SPRING = datetime(2026, 4, 1, tzinfo=UTC)


class Servers:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def ask(self, account: SenderAccount) -> datetime:
        self.asked.append(account.host)
        if self.down:
            raise AccountTransportError("It does not answer.", stage=Stage.CONNECT, server=account.host)
        return SPRING


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def certificates(database: Database, clock: FakeClock, servers: Servers, timer: FakeTimer) -> ServerCertificates:
    return ServerCertificates(database, servers.ask, start=lambda work: work(), clock=clock, timer=timer)


def look(certificates: ServerCertificates, timer: FakeTimer) -> None:
    """What the errands do, so much later that it is time."""
    timer.seconds += 15
    assert certificates.turn() is False


def change(database: Database, account_id: str, **values: object) -> None:
    query = update(SenderAccount).where(SenderAccount.id == account_id)
    database.write(lambda session: session.execute(query.values(**values)) and None)


def test_each_encrypted_server_is_asked_once(
    database: Database, servers: Servers, certificates: ServerCertificates
) -> None:
    for host, security in (
        ("a.example", "tls"),
        ("a.example", "tls"),
        ("b.example", "starttls"),
        ("c.example", "none"),
    ):
        database.write(lambda session, h=host, s=security: add_account(session, host=h, port=465, security=s))
    database.write(lambda session: add_account(session, host="d.example", security="tls", active=False))

    assert certificates.check() == {"servers": 2, "unanswered": 0}

    assert sorted(servers.asked) == ["a.example", "b.example"]
    assert certificates.known() == {"a.example:465": SPRING, "b.example:465": SPRING}


def test_what_is_known_of_a_server_that_does_not_answer_stays(
    database: Database, servers: Servers, certificates: ServerCertificates
) -> None:
    database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))
    certificates.check()
    servers.down = True

    assert certificates.check() == {"servers": 0, "unanswered": 1}

    assert certificates.known() == {"a.example:465": SPRING}


def test_a_server_that_nobody_uses_any_more_is_forgotten(
    database: Database, servers: Servers, certificates: ServerCertificates
) -> None:
    account_id = database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))
    certificates.check()

    database.write(lambda session: session.delete(session.get(SenderAccount, account_id)))
    certificates.check()

    assert certificates.known() == {}


def test_a_new_server_is_asked_soon_and_once(
    database: Database, servers: Servers, certificates: ServerCertificates, timer: FakeTimer
) -> None:
    certificates.check()
    database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))

    look(certificates, timer)
    look(certificates, timer)

    assert servers.asked == ["a.example"]
    assert certificates.known() == {"a.example:465": SPRING}


def test_a_server_that_does_not_answer_is_not_asked_again_and_again(
    database: Database, servers: Servers, certificates: ServerCertificates, timer: FakeTimer
) -> None:
    servers.down = True
    database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))

    for _ in range(5):
        look(certificates, timer)

    assert servers.asked == ["a.example"]


def test_a_server_is_asked_again_when_an_account_of_it_was_changed(
    database: Database, servers: Servers, certificates: ServerCertificates, timer: FakeTimer, clock: FakeClock
) -> None:
    account_id = database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))
    database.write(lambda session: add_account(session, host="b.example", port=465, security="tls"))
    certificates.check()
    servers.asked.clear()
    clock.advance(minutes=1)

    change(database, account_id, username="shop", updated_at=clock())
    for _ in range(3):
        look(certificates, timer)

    assert servers.asked == ["a.example"]


def test_a_restart_asks_nobody_who_has_been_asked(
    database: Database, servers: Servers, certificates: ServerCertificates, timer: FakeTimer, clock: FakeClock
) -> None:
    database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))
    look(certificates, timer)
    again = ServerCertificates(database, servers.ask, start=lambda work: work(), clock=clock, timer=timer)

    look(again, timer)

    assert servers.asked == ["a.example"]


def test_a_server_is_asked_again_when_an_account_of_it_was_tested(
    database: Database, servers: Servers, certificates: ServerCertificates, timer: FakeTimer
) -> None:
    account_id = database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))
    certificates.check()
    servers.asked.clear()

    certificates.tested(account_id)
    for _ in range(3):
        look(certificates, timer)

    assert servers.asked == ["a.example"]


def test_servers_are_asked_beside_everything_else_and_by_one_at_a_time(
    database: Database, servers: Servers, clock: FakeClock, timer: FakeTimer
) -> None:
    begun: list[Callable[[], None]] = []
    certificates = ServerCertificates(database, servers.ask, start=begun.append, clock=clock, timer=timer)
    database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))

    for _ in range(3):
        look(certificates, timer)

    assert (len(begun), servers.asked) == (1, [])
    begun.pop()()
    assert servers.asked == ["a.example"]


def test_two_looks_at_once_lose_nothing_of_each_other(
    database: Database, servers: Servers, clock: FakeClock, timer: FakeTimer
) -> None:
    """The daily one is under way when a new account comes."""
    begun: list[Callable[[], None]] = []
    daily = ServerCertificates(database, lambda one: (soon(), servers.ask(one))[1], start=begun.append, clock=clock)
    certificates = ServerCertificates(database, servers.ask, start=lambda work: work(), clock=clock, timer=timer)
    database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))

    def soon() -> None:
        database.write(lambda session: add_account(session, host="b.example", port=465, security="tls"))
        look(certificates, timer)

    daily.check()

    assert set(certificates.known()) == {"a.example:465", "b.example:465"}


def test_nothing_is_asked_while_the_alert_is_switched_off(
    database: Database, servers: Servers, clock: FakeClock, timer: FakeTimer
) -> None:
    certificates = ServerCertificates(
        database, servers.ask, start=lambda work: work(), soon=False, clock=clock, timer=timer
    )
    database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))

    look(certificates, timer)

    assert servers.asked == []


def test_what_breaks_off_does_not_keep_the_next_look_from_beginning(
    database: Database, servers: Servers, certificates: ServerCertificates, timer: FakeTimer
) -> None:
    account_id = database.write(lambda session: add_account(session, host="a.example", port=465, security="tls"))
    certificates._ask = broken
    with pytest.raises(ZeroDivisionError):
        look(certificates, timer)
    certificates._ask = servers.ask
    certificates.tested(account_id)

    look(certificates, timer)

    assert servers.asked == ["a.example"]


def broken(_account: SenderAccount) -> datetime:
    raise ZeroDivisionError
