"""The ports: free, or used by this very appliance."""

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

from appliance.commands.check.finding import Finding, ok, problem
from appliance.config.data_dir import DataDirectory
from appliance.config.settings import Settings
from appliance.program import PROGRAM


def check(settings: Settings) -> Iterator[Finding]:
    running = DataDirectory(settings.data_dir).running() or {}
    yield _listen("web", settings.web.host, settings.web.port, running)
    if settings.flower.enabled:
        yield _listen("flower", settings.flower.host, settings.flower.port, running)


def _listen(section: str, host: str, port: int, running: dict[str, Any]) -> Finding:
    subject = f"{section} port"
    place = f"{host}:{port}"
    if port == 0:
        return ok(subject, f"a free one on {host} is taken at the start")
    if running.get(f"{section}_port") == port:
        return ok(subject, f"{place} is used by the running appliance (process {running.get('pid')})")
    try:
        _bind(host, port)
    except OSError as error:
        return problem(subject, *_refusal(section, place, error))
    return ok(subject, f"{place} is free")


def _bind(host: str, port: int) -> None:
    """Raises OSError."""
    for family, kind, protocol, _name, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)


def _refusal(section: str, place: str, error: OSError) -> tuple[str, str]:
    """What is wrong with the place, and the remedy."""
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken by another program", f"stop that one, or set [{section}] port"
    if error.errno == errno.EACCES:
        return (
            f"user {os.geteuid()} may not listen on {place}",
            f"set [{section}] port above 1023, or let the unit of `{PROGRAM} systemd` have it",
        )
    return f"{place} cannot be listened on: {error.strerror}", f"set [{section}] host to an address of this machine"
