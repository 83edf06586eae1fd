"""Slows guessing down at sign-in, whichever way it comes, and locks nobody out.

One guesser at one name waits longer each time, up to a minute. One address is refused after so many failures a minute,
whatever names it tries. One name is guarded against many addresses at once; a browser in which its person has signed in
before is known and does not wait for that. Names that nobody has are counted alike, so that the answer tells nothing.
"""

import time
from collections.abc import Callable

from appliance.services.rate_limit import RateLimit
from appliance.services.throttle import Throttle

FAILURES_OF_ADDRESS = 30  # a minute: each costs a hash, and an entry in the audit
FAILURES_OF_NAME = 30  # a minute, from all addresses together


class SignInThrottle:
    """A wait is in seconds; 0.0: go on. `known`: what a browser that signed in before is known by, else empty."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._tries = Throttle(timer)
        self._codes = Throttle(timer)
        self._of_address = RateLimit(timer)
        self._of_name = RateLimit(timer)

    def admit(self, network: str, name: str, known: str = "") -> float:
        """Before a password is looked at. The try is counted."""
        wait = self._of_address.look(network, FAILURES_OF_ADDRESS).wait
        if not known:
            wait = max(wait, self._of_name.look(_plain(name), FAILURES_OF_NAME).wait)
        return wait or self._tries.admit(_key(network, name, known))

    def refused(self, network: str, name: str) -> None:
        self._of_address.take(network, FAILURES_OF_ADDRESS)
        self._of_name.take(_plain(name), FAILURES_OF_NAME)

    def accepted(self, network: str, name: str, known: str = "") -> None:
        """The next mistake counts from the beginning."""
        self._tries.forget(_key(network, name, known))

    def admit_code(self, network: str, user_id: str, known: str = "") -> float:
        """Before a second factor is looked at, which has few digits: all addresses together are one guesser."""
        wait = self._of_address.look(network, FAILURES_OF_ADDRESS).wait
        return wait or self._codes.admit(_code_key(user_id, known))

    def refused_code(self, network: str) -> None:
        self._of_address.take(network, FAILURES_OF_ADDRESS)

    def accepted_code(self, user_id: str, known: str = "") -> None:
        self._codes.forget(_code_key(user_id, known))


def _key(network: str, name: str, known: str) -> str:
    return f"{known or network} {_plain(name)}"


def _code_key(user_id: str, known: str) -> str:
    return f"{known} {user_id}"


def _plain(name: str) -> str:
    return name.strip().lower()
