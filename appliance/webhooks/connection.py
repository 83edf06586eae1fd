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

from appliance.webhooks.line import Line, TooSlow
from appliance.webhooks.network import NetworkPolicy

PORTS = {"http": 80, "https": 443}

Resolve = Callable[..., Sequence[tuple[Any, Any, Any, str, Any]]]
"""As `socket.getaddrinfo`, which gevent replaces by one that does not hold the event loop."""


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
    addresses = _allowed(host, _resolved(host, url.port or PORTS[url.scheme], resolve), policy)
    line = Line(_connected(host, addresses, deadline), deadline)
    if url.scheme == "http":
        return line
    try:
        line.encrypt(context, host)
    except BaseException as error:
        line.hang_up()
        raise _no_tls(host, error) if isinstance(error, OSError) else error from error
    return line


def _resolved(host: str, port: int, resolve: Resolve) -> list[tuple[Any, Any]]:
    """(family, socket address), in the order of the resolver's preference."""
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CannotConnect(f"The name {host} cannot be resolved: {_said(error)}.") from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _allowed(host: str, addresses: Sequence[tuple[Any, Any]], policy: NetworkPolicy) -> list[tuple[Any, Any]]:
    allowed = [one for one in addresses if policy.allows(one[1][0])]
    if not allowed:
        found = ", ".join(str(address[0]) for _, address in addresses) or "no address"
        raise CannotConnect(
            f"{host} leads to {found}, which is not public, so nothing was sent there. "
            "[webhooks] allow_networks can allow it."
        )
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
    reason = "there was no answer in time" if isinstance(trouble, TimeoutError) else _said(trouble)
    raise CannotConnect(f"Cannot connect to {host}, port {address[1]}: {reason}.") from trouble


def _no_tls(host: str, error: OSError) -> CannotConnect:
    match error:
        case TooSlow():
            reason = "there was no answer in time"
        case ssl.SSLCertVerificationError():
            reason = f"its certificate is not good: {error.verify_message}"
        case _:
            reason = _said(error)
    return CannotConnect(f"No encrypted connection to {host}: {reason.rstrip('.')}.")


def _said(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:300].rstrip(".")
