"""The address that people use, against what the web server listens on."""

import socket
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from appliance.commands.check.finding import Finding, ok, problem, warning
from appliance.config.settings import Settings

SUBJECT = "public URL"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check(settings: Settings) -> Iterator[Finding]:
    yield _judge_hostname(settings.appliance.hostname or socket.gethostname())
    url = settings.appliance.public_url
    if not url and settings.web.host in LOOPBACK:
        yield ok(SUBJECT, "not set; the pages can be reached from this machine alone")
    elif not url:
        yield warning(
            SUBJECT, "not set, so links lead to localhost", "set [appliance] public_url to the address that people use"
        )
    else:
        yield _judge(url, settings)


def _judge_hostname(name: str) -> Finding:
    if "." in name:
        return ok("host name", f"{name} is said to SMTP servers")
    return warning(
        "host name",
        f"{name} is said to SMTP servers and has no domain, which some of them dislike (RFC 5321 section 2.3.5)",
        "set [appliance] hostname to a full name such as mail.example.com",
    )


def _judge(url: str, settings: Settings) -> Finding:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return problem(SUBJECT, f"{url!r} is no web address", "set it as in https://mail.example.com")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        return problem(SUBJECT, f"{url} has more than scheme, host and port", f"set {parts.scheme}://{parts.netloc}")
    if parts.hostname in LOOPBACK:
        return ok(SUBJECT, url)
    if parts.scheme == "http":
        return warning(SUBJECT, f"{url} carries passwords in clear", "put a reverse proxy with TLS in front")
    if not settings.web.trusted_proxies:
        return warning(
            SUBJECT,
            f"{url} needs a proxy in front, and none is trusted: every client seems to have the proxy's address",
            "set [web] trusted_proxies to the proxy's address",
        )
    return ok(SUBJECT, url)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # is parsed, and refused, only when asked for
    except ValueError:
        return None
    return parts
