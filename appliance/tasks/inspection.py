"""Asking the running worker what it does, through the same control commands that the monitor uses."""

from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from appliance.errors import ApplianceError
from appliance.tasks.enqueue import BrokerUnavailable

QUESTIONS = ("active", "reserved", "stats", "registered", "ping")
TIMEOUT = 2.0


class UnknownInspection(ApplianceError):
    def __init__(self, what: str) -> None:
        super().__init__(f"The worker cannot be asked for {what!r}; ask for one of: {', '.join(QUESTIONS)}.")


def inspect(celery: Celery, what: str, timeout: float = TIMEOUT) -> dict[str, Any]:
    """The worker's answer by its name, fit for JSON; empty when none answered within `timeout` seconds.

    Raises:
        UnknownInspection: `what` is not one of QUESTIONS.
        BrokerUnavailable: the question did not reach the broker.
    """
    if what not in QUESTIONS:
        raise UnknownInspection(what)
    try:
        # there is one worker: the first answer is all there will be
        replies = celery.control.broadcast(what, reply=True, limit=1, timeout=timeout)
    except OperationalError as error:
        raise BrokerUnavailable(f"The broker cannot be reached: {error}. Check [broker] url and the server.") from error
    return {name: answer for reply in replies or () for name, answer in reply.items()}
