"""Names are looked up within a time, and a name server that never answers holds up only those who ask for that name.

The system's look-up knows every source that this machine is set up for, and cannot be broken off: silent name servers
keep a native thread for tens of seconds. So whoever asks waits no longer than they want to, the look-up goes on without
them, and whoever asks the same meanwhile joins it: one name takes one thread.
"""

import _socket
import socket
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult

from appliance.bootstrap.native import NativeThreads

LONGEST_SECONDS = 30.0  # for those who do not say how long they would wait

Question = tuple[Any, ...]
"""A function of the system and its arguments."""


class Names:
    """`getaddrinfo` is the system's own, which holds its thread for as long as it likes."""

    def __init__(self, threads: int, getaddrinfo: Callable[..., Any] = _socket.getaddrinfo) -> None:
        self._threads = NativeThreads(threads)
        self._getaddrinfo = getaddrinfo
        self._asked: dict[Question, gevent.Greenlet[..., Any]] = {}

    def look_up(self, host: str, port: int, seconds: float) -> list[Any]:
        """Where to connect to, as `socket.getaddrinfo` says it. Raises TimeoutError, OSError, UnicodeError."""
        return self.addresses(seconds, host, port, 0, socket.SOCK_STREAM)

    def addresses(
        self, seconds: float, host: Any, port: Any, family: int = 0, kind: int = 0, protocol: int = 0, flags: int = 0
    ) -> list[Any]:
        """`getaddrinfo` with all it can be asked. What is an address already takes neither a thread nor time."""
        try:
            found = _socket.getaddrinfo(host, port, family, kind, protocol, flags | socket.AI_NUMERICHOST)
        except socket.gaierror:
            found = self.answer(seconds, self._getaddrinfo, host, port, family, kind, protocol, flags)
        return list(found)

    def answer(self, seconds: float, *question: Any) -> Any:
        """Raises TimeoutError, or what the function of the question raises."""
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = gevent.spawn(self._ask, question)
        heard = AsyncResult()  # one for each who waits: gevent 26.9 can forget some of several that wait with a limit
        asked.link(heard)
        answer = heard.wait(seconds)
        if answer is None:
            asked.unlink(heard)
            raise TimeoutError("timed out")
        found, error = answer
        if error is not None:
            raise error
        return found

    def _ask(self, question: Question) -> tuple[Any, Exception | None]:
        function, *arguments = question
        try:
            return self._threads.apply(lambda: function(*arguments)), None
        except Exception as error:  # noqa: BLE001 - everybody who waits gets it
            return None, error
        finally:
            del self._asked[question]


class Resolver:
    """What gevent's sockets ask: everything in this process that does not look up names by itself."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def getaddrinfo(self, *question: Any) -> Any:
        return self._answer(self._names.addresses, *question)

    def gethostbyname(self, *question: Any) -> Any:
        return self._of_the_system(_socket.gethostbyname, *question)

    def gethostbyname_ex(self, *question: Any) -> Any:
        return self._of_the_system(_socket.gethostbyname_ex, *question)

    def gethostbyaddr(self, *question: Any) -> Any:
        return self._of_the_system(_socket.gethostbyaddr, *question)

    def getnameinfo(self, *question: Any) -> Any:
        return self._of_the_system(_socket.getnameinfo, *question)

    def close(self) -> None:
        """A look-up that is under way cannot be broken off."""

    def _of_the_system(self, *question: Any) -> Any:
        return self._answer(self._names.answer, *question)

    def _answer(self, ask: Callable[..., Any], *question: Any) -> Any:
        try:
            return ask(LONGEST_SECONDS, *question)
        except TimeoutError as error:
            raise socket.gaierror(socket.EAI_AGAIN, "the name servers do not answer") from error


def install(names: Names) -> None:
    """For the event loop of this thread."""
    gevent.get_hub().resolver = Resolver(names)
