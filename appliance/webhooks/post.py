"""Posts webhooks over one kept connection and says what came of each. Follows no redirect, uses no proxy."""

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import SplitResult, urlsplit

from appliance.webhooks import words
from appliance.webhooks.connection import PORTS, CannotConnect, Resolve, connect, system_resolve
from appliance.webhooks.line import MOST_RECEIVED, Line, TooMuch, TooSlow
from appliance.webhooks.network import NetworkPolicy

SHOWN_BYTES = 1024
MOST_BYTES = 64 * 1024  # of an answer that is read to its end, for the sake of the connection; a longer one is cut off
GONE = 410
OVERLOADED = (429, 503)
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` None: there was none, and `error` says why. `text`: the first SHOWN_BYTES of its body.

    `retry_after`: that header as it came, of an answer that did not accept.
    """

    status: int | None
    text: str = ""
    error: str = ""
    retry_after: str = ""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver says that it wants no more (RFC 9110 section 15.5.11)."""
        return self.status == GONE

    @property
    def overloaded(self) -> bool:
        """The receiver as a whole wants less (429, RFC 6585 section 4) or is away for now (503)."""
        return self.status in OVERLOADED


@dataclass(frozen=True, slots=True)
class Rules:
    """`seconds`: from the first look at the name to the end of the answer."""

    policy: NetworkPolicy
    context: ssl.SSLContext
    seconds: float
    allow_http: bool = False
    resolve: Resolve = system_resolve


class Poster:
    """To one URL; not for several threads. Use it as a context manager, so that its connection is closed."""

    def __init__(self, url: str, rules: Rules) -> None:
        self._url = urlsplit(url)
        self._rules = rules
        self._line: Line | None = None

    def __enter__(self) -> "Poster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._line is not None:
            self._line.hang_up()
            self._line = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what the other side does."""
        if self._url.scheme == "http" and not self._rules.allow_http:
            return Answer(None, error=words.NOT_ENCRYPTED)
        kept = self._line is not None
        try:
            return self._exchange(body, headers)
        except CannotConnect as error:
            return Answer(None, error=str(error))
        except (OSError, HTTPException) as error:
            self.close()
            if kept and not isinstance(error, TooSlow | TooMuch):
                return self.post(body, headers)  # it had been closed meanwhile, as any server may
            return Answer(None, error=_trouble(error, self._rules.seconds))

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        rules, deadline = self._rules, time.monotonic() + self._rules.seconds
        if self._line is None:
            self._line = connect(self._url, rules.policy, rules.context, deadline, rules.resolve)
        self._line.begin(deadline)
        http = HTTPConnection("webhook")  # only a name for itself: it neither resolves nor connects
        http.sock = self._line
        http.request("POST", _target(self._url), body, {"Host": _authority(self._url), **headers})
        response = http.getresponse()
        refusal = _refusal(response.status)
        retry_after = (response.getheader("Retry-After") or "").strip() if refusal else ""
        return Answer(response.status, self._read(response), refusal, retry_after)

    def _read(self, response: HTTPResponse) -> str:
        """The status has come, so the answer is there: a body that breaks off or drips on does not change it."""
        content, reusable = bytearray(), False
        with suppress(OSError, HTTPException):
            while len(content) < SHOWN_BYTES and (piece := response.read1(SHOWN_BYTES - len(content))):
                content += piece
            reusable = not response.will_close and _rest_is_short(response)
        if not reusable:
            self.close()
        return _readable(bytes(content))


def _rest_is_short(response: HTTPResponse) -> bool:
    """Reads what is left, if that is little: only then can the connection be used again."""
    return any(not response.read(SHOWN_BYTES) for _ in range(MOST_BYTES // SHOWN_BYTES))


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _authority(url: SplitResult) -> str:
    host = url.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return name if url.port in (None, PORTS[url.scheme]) else f"{name}:{url.port}"


def _refusal(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return words.REDIRECT % {"code": status}
    if status == GONE:
        return words.GONE
    return words.REFUSED % {"code": status}


def _trouble(error: BaseException, seconds: float) -> str:
    if isinstance(error, TooSlow):
        return words.TOO_SLOW % {"seconds": f"{seconds:g}"}
    if isinstance(error, TooMuch):
        return words.TOO_MUCH % {"size": MOST_RECEIVED // 1024}
    if isinstance(error, ConnectionError):
        return words.CLOSED
    if isinstance(error, HTTPException):
        return words.NO_HTTP % {"reason": type(error).__name__}
    return words.BROKEN % {"reason": error}


def _readable(content: bytes) -> str:
    """Without control characters, which no page shows and PostgreSQL partly refuses."""
    return content.decode("utf-8", errors="replace").translate(_CONTROL)
