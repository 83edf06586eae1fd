"""Believes X-Forwarded-* headers from the reverse proxies that the configuration names, and from nobody else."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

WsgiApp = Callable[..., Iterable[bytes]]
FORWARDED = tuple(f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "PROTO", "HOST", "PORT", "PREFIX"))
IPV4_IN_IPV6 = "::ffff:"  # how a socket that takes both kinds names an IPv4 peer


class TrustedProxies:
    def __init__(self, app: WsgiApp, addresses: Collection[str]) -> None:
        self._app = app
        self._behind_proxy = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._addresses = frozenset(addresses)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("REMOTE_ADDR", "").removeprefix(IPV4_IN_IPV6) in self._addresses:
            return self._behind_proxy(environ, start_response)
        for name in FORWARDED:
            environ.pop(name, None)
        return self._app(environ, start_response)
