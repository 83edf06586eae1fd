"""Whom alerts go to: every URL is one that can be told. With `--alerts` each is told a test."""

import socket
from collections.abc import Iterator

from appliance.bootstrap.alerts import AppriseUrls, no_targets
from appliance.bootstrap.native import NativeThreads
from appliance.commands.check.finding import Finding, ok, problem
from appliance.config.alert_settings import kind_of
from appliance.config.settings import Settings
from appliance.errors import Unavailable

SUBJECT = "alerts"


def check(settings: Settings) -> Iterator[Finding]:
    """Sends nothing."""
    urls = _urls(settings)
    if not urls and not settings.alerts.email:
        yield ok(SUBJECT, "nobody is told; they are shown on the page of alerts")
        return
    unknown = [number for number, url in enumerate(urls, 1) if not _is_known(url)]
    for number in unknown:
        yield problem(
            SUBJECT,
            f"{_named(number, urls[number - 1])} is none that can be told",
            "correct it as the list of Apprise says (https://github.com/caronc/apprise/wiki); apart by spaces",
        )
    if not unknown:
        yield ok(SUBJECT, f"go to {_counted(len(settings.alerts.email), 'e-mail address', 'es')} and {_all_of(urls)}")


def tell(settings: Settings) -> Iterator[Finding]:
    """Tells each URL a test. E-mails go out through the running appliance: its page of alerts tests those too."""
    native = NativeThreads(1)
    title = f"[Postroom {settings.appliance.hostname or socket.gethostname()}] Test of the alerts"
    for number, url in enumerate(_urls(settings), 1):
        if not _is_known(url):
            continue
        try:
            AppriseUrls([url], settings.alerts.timeout_seconds, native.apply).tell(title, "This is a test.")
            yield ok(SUBJECT, f"{_named(number, url)} took a test")
        except Unavailable:
            remedy = "check its token and address, and whether this machine may connect there"
            yield problem(SUBJECT, f"{_named(number, url)} did not take a test", remedy)


def _urls(settings: Settings) -> list[str]:
    return settings.alerts.urls.get_secret_value().split()


def _is_known(url: str) -> bool:
    return bool(no_targets().add(url))


def _named(number: int, url: str) -> str:
    return f"URL {number} of [alerts] urls ({kind_of(url)})"


def _all_of(urls: list[str]) -> str:
    kinds = ", ".join(dict.fromkeys(map(kind_of, urls)))
    return f"{_counted(len(urls), 'URL', 's')} ({kinds})" if urls else "no URL"


def _counted(number: int, one: str, ending: str) -> str:
    return f"{number} {one}{'' if number == 1 else ending}"
