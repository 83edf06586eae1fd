"""The wire against a peer that is a bare socket, for what no SMTP server would do."""

import socket
from collections.abc import Iterator

import pytest

from appliance.mail.smtp_wire import ConnectionLost, Wire


@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    wire = Wire("box.example", 0.3)
    wire.sock = ours
    with theirs:
        yield wire, theirs
    wire.close()


Pair = tuple[Wire, socket.socket]


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (b"250 ok\r\n", (250, b"ok")),
        (b"250 ok\n", (250, b"ok")),
        (b"250\r\n", (250, b"")),
        (b"250-one\r\n250-two\r\n250 three\r\n", (250, b"one\ntwo\nthree")),
        (b"550 \xff\r\n", (550, b"\xff")),
    ],
)
def test_reply_is_read(pair: Pair, said: bytes, reply: tuple[int, bytes]) -> None:
    wire, peer = pair
    peer.sendall(said)

    assert wire.getreply() == reply


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"hello\r\n", "instead of an SMTP reply"),
        (b"\r\n", "instead of an SMTP reply"),
        (b"25\r\n", "instead of an SMTP reply"),
        (b"999 x\r\n", "instead of an SMTP reply"),
        (b"150 x\r\n", "instead of an SMTP reply"),
        (b"250ok\r\n", "instead of an SMTP reply"),
        ("２５０ ok\r\n".encode(), "instead of an SMTP reply"),
        (b"2" * 10_000, "a line without an end"),
        (b"250-" + b"x" * 70 + b"\r\n", "did not answer within 0.3 s"),
        (b"250-x\r\n" * 10_000, "a reply without an end"),
    ],
)
def test_what_is_no_reply_ends_the_connection(pair: Pair, said: bytes, reason: str) -> None:
    wire, peer = pair
    peer.sendall(said)

    with pytest.raises(ConnectionLost, match=reason):
        wire.getreply()

    assert not wire.connected


def test_closed_connection_says_so_each_time(pair: Pair) -> None:
    wire, peer = pair
    peer.close()

    for _ in range(2):
        with pytest.raises(ConnectionLost, match="closed the connection"):
            wire.docmd("NOOP")


def test_refusal_that_was_left_behind_is_found(pair: Pair) -> None:
    wire, peer = pair
    peer.sendall(b"552 5.3.4 too large\r\n")
    peer.close()

    with pytest.raises(ConnectionLost) as raised:
        wire.put_data(b"x" * 1_000_000)

    assert raised.value.said == (552, b"5.3.4 too large")


def test_replies_that_came_together_are_read_one_by_one(pair: Pair) -> None:
    wire, peer = pair
    peer.sendall(b"250 one\r\n354 two\r\n")

    assert [wire.getreply(), wire.getreply()] == [(250, b"one"), (354, b"two")]
