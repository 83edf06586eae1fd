"""Each server is asked for its certificate once; what is known of one that does not answer stays."""

from datetime import UTC, datetime

import pytest

from appliance.db.database import Database
from appliance.db.models import SenderAccount
from appliance.mail.transport import AccountTransportError, Stage
from appliance.services.server_certificates import ServerCertificates
from tests.factories import add_account
from tests.fakes import FakeClock

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
def certificates(database: Database, clock: FakeClock, servers: Servers) -> ServerCertificates:
    return ServerCertificates(database, servers.ask, clock=clock)


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
