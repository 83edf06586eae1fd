"""From a URL to a connection: the name is resolved once, and that very answer is checked and connected to.

A name that leads to a public address now and to a private one a moment later (DNS rebinding) gains nothing: there is no
second question in between.
"""

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import SplitResult

from appliance.webhooks import words
from appliance.webhooks.line import Line, TooSlow
from appliance.webhooks.network import NetworkPolicy

PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int, float], Sequence[tuple[Any, Any, Any, str, Any]]]
"""Of a host and a port, within so many seconds, as `socket.getaddrinfo`. Raises TimeoutError, OSError, UnicodeError."""


def system_resolve(host: str, port: int, _seconds: float) -> Sequence[tuple[Any, Any, Any, str, Any]]:
    """Takes as long as the system likes; the appliance has one that does not."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class CannotConnect(Exception):
    """The message is for a person: what went wrong, and what would help."""


def connect(
    url: SplitResult, policy: NetworkPolicy, context: ssl.SSLContext, deadline: float, resolve: Resolve
) -> Line:
    """A connection that is ready for a request. `deadline` is a moment of `time.monotonic`; it ends all of this.

    Raises:
        CannotConnect: no address may be connected to, none answers, or the certificate is not good.
    """
    host = url.hostname or ""
    addresses = _allowed(host, _resolved(host, url.port or PORTS[url.scheme], deadline, resolve), policy)
    line = Line(_connected(host, addresses, deadline), deadline)
    if url.scheme == "http":
        return line
    try:
        line.encrypt(context, host)
    except BaseException as error:
        line.hang_up()
        raise _no_tls(host, error) if isinstance(error, OSError) else error from error
    return line


def _resolved(host: str, port: int, deadline: float, resolve: Resolve) -> list[tuple[Any, Any]]:
    """(family, socket address), in the order of the resolver's preference."""
    try:
        found = resolve(host, port, max(0.001, deadline - time.monotonic()))
    except TimeoutError as error:
        raise CannotConnect(words.NAME_TOO_SLOW % {"host": host}) from error
    except (OSError, UnicodeError) as error:
        raise CannotConnect(words.UNKNOWN_NAME % {"host": host, "reason": _said(error)}) from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _allowed(host: str, addresses: Sequence[tuple[Any, Any]], policy: NetworkPolicy) -> list[tuple[Any, Any]]:
    allowed = [one for one in addresses if policy.allows(one[1][0])]
    if not allowed:
        found = ", ".join(str(address[0]) for _, address in addresses) or "no address"
        raise CannotConnect(words.NOT_PUBLIC % {"host": host, "addresses": found})
    return allowed


def _connected(host: str, addresses: Sequence[tuple[Any, Any]], deadline: float) -> socket.socket:
    """To the first address that answers; each has its share of the time, so a dead one leaves some for the next."""
    for index, (family, address) in enumerate(addresses):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(max(0.001, (deadline - time.monotonic()) / (len(addresses) - index)))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body go one right after the other
            return sock
        except OSError as error:
            sock.close()
            trouble = error
    reason = words.NO_ANSWER_IN_TIME if isinstance(trouble, TimeoutError) else _said(trouble)
    raise CannotConnect(words.NO_CONNECTION % {"host": host, "number": address[1], "reason": reason}) from trouble


def _no_tls(host: str, error: OSError) -> CannotConnect:
    match error:
        case TooSlow():
            reason = words.NO_ANSWER_IN_TIME
        case ssl.SSLCertVerificationError():
            reason = words.BAD_CERTIFICATE % {"reason": error.verify_message}
        case _:
            reason = _said(error)
    return CannotConnect(words.NO_TLS % {"host": host, "reason": reason.rstrip(".")})


def _said(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:300].rstrip(".")
