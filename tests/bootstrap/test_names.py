"""Looking up names: within a time, one thread a name, and nobody waits for a name server that they do not need."""

import socket
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import monkey

from appliance.bootstrap import names as names_module
from appliance.bootstrap.names import Names, Resolver
from tests.waiting import wait_until

wait_natively = monkey.get_original("threading", "Event")


class NameServers:
    """Silent about names that end in .silent until `speak` is called; everything else is 192.0.2.1."""

    def __init__(self) -> None:
        self._speaks = wait_natively()
        self.asked: list[str] = []

    def speak(self) -> None:
        self._speaks.set()

    def getaddrinfo(self, host: str, port: int, *_: Any) -> list[Any]:
        self.asked.append(host)
        if host.endswith(".silent"):
            self._speaks.wait(20)
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", port))]


@pytest.fixture
def servers() -> Iterator[NameServers]:
    servers = NameServers()
    yield servers
    servers.speak()


@pytest.fixture
def names(servers: NameServers) -> Names:
    return Names(2, servers.getaddrinfo)


def test_whoever_asks_a_silent_name_server_waits_no_longer_than_they_want(names: Names) -> None:
    with pytest.raises(TimeoutError):
        names.look_up("mail.silent", 25, 0.05)


def test_one_silent_name_takes_one_thread_however_many_ask(names: Names, servers: NameServers) -> None:
    for _ in range(5):
        with pytest.raises(TimeoutError):
            names.look_up("mail.silent", 25, 0.02)

    [found] = names.look_up("mail.example", 25, 5)

    assert found[4] == ("192.0.2.1", 25)
    assert servers.asked == ["mail.silent", "mail.example"]


def test_everybody_who_waits_gets_the_answer(names: Names, servers: NameServers) -> None:
    waiting = [gevent.spawn(names.look_up, "mail.silent", 25, 10) for _ in range(5)]
    wait_until(lambda: servers.asked)
    with pytest.raises(TimeoutError):
        names.look_up("mail.silent", 25, 0.02)

    servers.speak()
    gevent.joinall(waiting)

    assert [one.value[0][4] for one in waiting] == [("192.0.2.1", 25)] * 5
    assert servers.asked == ["mail.silent"]


def test_name_is_asked_anew_after_its_answer(names: Names, servers: NameServers) -> None:
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="not known"):
            names.look_up("unknown.example", 25, 5)

    assert servers.asked == ["unknown.example"] * 2


def test_error_is_that_of_those_who_asked_and_no_traceback_is_written(
    names: Names, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(socket.gaierror):
        names.look_up("unknown.example", 25, 5)

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_is_no_name_and_waits_for_nobody(names: Names, servers: NameServers, address: str) -> None:
    for number in range(4):  # more than there are threads
        with pytest.raises(TimeoutError):
            names.look_up(f"mail{number}.silent", 25, 0.02)

    [found] = names.look_up(address, 25, 0.02)

    assert found[4][:2] == (address, 25)
    assert address not in servers.asked


def test_sockets_of_all_others_ask_it_as_well_and_are_told_when_nobody_answers(
    names: Names, servers: NameServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names_module, "LONGEST_SECONDS", 0.05)
    monkeypatch.setattr(gevent.get_hub(), "resolver", Resolver(names))

    with pytest.raises(socket.gaierror, match="do not answer"):
        socket.create_connection(("broker.silent", 5672))

    wait_until(lambda: servers.asked == ["broker.silent"])
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
