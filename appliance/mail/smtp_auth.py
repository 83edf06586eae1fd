"""Logging in (RFC 4954). A mechanism is a function and a line in the table; XOAUTH2 would be one more of each."""

import base64
import hmac
from collections.abc import Callable

from appliance.mail.smtp_wire import Wire

Answer = Callable[[bytes], bytes]
"""Answers a challenge of the server, both decoded. An answer that needs no challenge is asked for with an empty one."""

_ACCEPTED = 235
_CHALLENGE = 334
_MOST_CHALLENGES = 4
_CANNOT_DO_IT = frozenset({500, 501, 502, 503, 504, 534, 538})


def log_in(wire: Wire, username: str, password: str) -> tuple[int, bytes]:
    """The reply to the last mechanism that was tried; 235 is success. (0, b"") when none that we know is offered.

    A refused password is not tried again by another mechanism, because servers lock accounts that guess; only
    CRAM-MD5, which servers offer that store no password it could work with, is followed by the next.
    """
    code, text = 0, b""
    for name in _in_order_of_preference(wire):
        code, text = _attempt(wire, name, _MECHANISMS[name](username, password))
        if code == _ACCEPTED or not (code in _CANNOT_DO_IT or (name == "CRAM-MD5" and code >= 500)):
            break
    return code, text


def _in_order_of_preference(wire: Wire) -> list[str]:
    offered = wire.esmtp_features.get("auth", "").upper().split()
    order = ("PLAIN", "LOGIN", "CRAM-MD5") if wire.encrypted else ("CRAM-MD5", "PLAIN", "LOGIN")
    return [name for name in order if name in offered]


def _attempt(wire: Wire, name: str, answer: Answer) -> tuple[int, bytes]:
    if name == "PLAIN":  # its answer may come with the command, which saves a round trip
        wire.put_secret(f"AUTH PLAIN {_encoded(answer(b''))}", shown="AUTH PLAIN ***")
    else:
        wire.putcmd("AUTH", name)
    code, text = wire.getreply()
    for _ in range(_MOST_CHALLENGES):
        if code != _CHALLENGE:
            break
        wire.put_secret(_encoded(answer(_decoded(text))), shown="***")
        code, text = wire.getreply()
    return code, text


def _plain(username: str, password: str) -> Answer:
    return lambda _: f"\0{username}\0{password}".encode()


def _login(username: str, password: str) -> Answer:
    answers = iter((username.encode(), password.encode()))
    return lambda _: next(answers, b"")


def _cram_md5(username: str, password: str) -> Answer:
    return lambda challenge: f"{username} {hmac.new(password.encode(), challenge, 'md5').hexdigest()}".encode()


_MECHANISMS: dict[str, Callable[[str, str], Answer]] = {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}


def _encoded(answer: bytes) -> str:
    return base64.b64encode(answer).decode("ascii")


def _decoded(challenge: bytes) -> bytes:
    try:
        return base64.b64decode(challenge)
    except ValueError:  # a server that greets in words instead; what it asks for is known without reading it
        return b""
