"""The broker: connects to it, where it is a server."""

from collections.abc import Iterator
from typing import Any

from kombu.connection import Connection
from kombu.exceptions import OperationalError
from kombu.utils.url import maybe_sanitize_url

from appliance.commands.check.finding import Finding, ok, problem
from appliance.config.masking import masked
from appliance.config.settings import Settings

SUBJECT = "broker"
TIMEOUT_SECONDS = 3
REMEDY = "see that the server runs and [broker] url is right; inprocess:// needs no server"


def check(settings: Settings) -> Iterator[Finding]:
    url = settings.broker_url
    if url.startswith("inprocess:"):
        yield ok(SUBJECT, "inprocess://, inside the appliance")
        return
    shown = maybe_sanitize_url(url)
    try:
        connection: Any = Connection(url, connect_timeout=TIMEOUT_SECONDS)  # type: ignore[no-untyped-call]
        refusals = (OSError, OperationalError, *connection.connection_errors)
    except (KeyError, ImportError, ValueError) as error:
        yield problem(
            SUBJECT, f"{shown} cannot be used: {error.args[0]}", "use inprocess://, amqp://... or redis://..."
        )
        return
    try:
        with connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=TIMEOUT_SECONDS)
            connection.default_channel.close()
    except refusals as error:
        yield problem(SUBJECT, f"{shown} does not answer: {masked(' '.join(str(error).split()))}", REMEDY)
    else:
        yield ok(SUBJECT, f"{shown} answers")
