"""Flower's web application, behind a password, at two addresses: `/` on its own port, `/flower/` on the appliance's."""

import base64
import hmac
import secrets
from functools import cache
from types import SimpleNamespace
from typing import Any

from celery import Celery
from flower.api.tasks import GetQueueLengths
from flower.app import Flower
from flower.options import default_options
from flower.urls import settings as flower_settings
from flower.views.broker import BrokerView
from flower.views.error import NotFoundErrorHandler
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.routing import AnyMatches, PathMatches, Rule, RuleRouter
from tornado.web import RedirectHandler, RequestHandler

from appliance.runtime.monitor.events import EventStream
from appliance.tasks.broker import SCHEME, queue_table
from appliance.web.flower_proxy import POLICY, READ_ONLY

PREFIX = "flower"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
COLUMNS = "name,uuid,state,args,result,received,runtime,worker"


class Credentials:
    """The one user. Knows what a browser sends, and what Flower is told instead."""

    def __init__(self, user: str, password: str) -> None:
        self.header = _basic(f"{user}:{password}").decode()
        # Flower compares text, which Python refuses to do for a password beyond ASCII
        self.inner = f"{PREFIX}:{secrets.token_hex(16)}"
        self.inner_header = _basic(self.inner).decode()

    def accept(self, header: str) -> bool:
        """Takes the value of an Authorization header."""
        scheme, _, token = header.partition(" ")
        sent = f"{scheme.capitalize()} {token.strip()}".encode("utf-8", "surrogateescape")
        return hmac.compare_digest(sent, self.header.encode())


class MonitorApplication(Flower):  # type: ignore[misc]  # Flower has no types
    """Flower with one rule more: without the password, each and every address answers 401."""

    def __init__(
        self,
        celery: Celery,
        events: EventStream,
        loop: IOLoop,
        credentials: Credentials,
        prefix: str = "",
        *,
        read_only: bool = False,
    ) -> None:
        super().__init__(
            capp=celery,
            events=events,
            io_loop=loop,
            options=_options(credentials, prefix, read_only),
            **_settings(prefix),
        )
        self._credentials = credentials
        root = f"/{prefix}" if prefix else ""
        self.add_handlers(
            r".*",
            [
                (f"{root}/broker", _BrokerPage),
                (f"{root}/api/queues/length", _QueueLengths),
                (f"{root}/login/?", NotFoundErrorHandler),  # what Flower makes of it, past `_guarded`
            ],
        )
        if prefix:  # there, the appliance signs in and out
            self.add_handlers(r".*", [(f"{root}/logout", RedirectHandler, {"url": "/", "permanent": False})])

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
        if not self._credentials.accept(request.headers.get("Authorization", "")):
            return self.get_handler_delegate(request, _Unauthorized)
        request.headers["Authorization"] = self._credentials.inner_header
        return super().find_handler(request, **options)

    def get_handler_delegate(
        self, request: HTTPServerRequest, target_class: type[RequestHandler], *rest: Any, **options: Any
    ) -> Any:
        return super().get_handler_delegate(request, _guarded(target_class), *rest, **options)  # type: ignore[arg-type]

    def share(self, other: "MonitorApplication") -> None:
        """Knows the same workers as `other`."""
        self.inspector: Any = other.inspector


def routes(plain: MonitorApplication, prefixed: MonitorApplication, read_only: MonitorApplication) -> RuleRouter:
    path = rf"/{PREFIX}/.*"
    return RuleRouter(
        [Rule(_OnlyLooking(path), read_only), Rule(PathMatches(path), prefixed), Rule(AnyMatches(), plain)]
    )


class _OnlyLooking(PathMatches):
    """What the appliance passes on of somebody who may change nothing."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return super().match(request) if READ_ONLY in request.headers else None


def _basic(credentials: str) -> bytes:
    return b"Basic " + base64.b64encode(credentials.encode())


def _options(credentials: Credentials, prefix: str, read_only: bool) -> SimpleNamespace:
    """Flower's options as plain values: those of tornado belong to the whole process, and outlive a restart."""
    changes = {
        "basic_auth": [credentials.inner],
        "url_prefix": prefix,
        "read_only": read_only,
        "tasks_columns": COLUMNS,
    }
    return SimpleNamespace(**{**default_options.as_dict(), **changes})


def _settings(prefix: str) -> dict[str, Any]:
    settings = {**flower_settings, "cookie_secret": secrets.token_urlsafe(32), "log_function": _log_nothing}
    if prefix:
        settings |= {name: f"/{prefix}{settings[name]}" for name in ("static_url_prefix", "login_url")}
    return settings


def _log_nothing(_handler: RequestHandler) -> None:
    """A line for each of the requests that an open page makes helps nobody; errors have their own lines."""


@cache
def _guarded(handler: type[RequestHandler]) -> type[RequestHandler]:
    """`handler`, whose answers tell browsers what they may do: run nothing foreign, and be in nobody's frame."""

    class Guarded(handler):  # type: ignore[valid-type,misc]
        def set_default_headers(self) -> None:
            super().set_default_headers()
            for name, value in HEADERS.items():
                self.set_header(name, value)

    Guarded.__name__, Guarded.__module__ = handler.__name__, handler.__module__
    return Guarded


class _Unauthorized(RequestHandler):
    def check_xsrf_cookie(self) -> None:
        """The password comes first."""

    def prepare(self) -> None:
        self.set_status(401)
        self.set_header("WWW-Authenticate", 'Basic realm="Postroom Flower", charset="UTF-8"')
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish("Flower needs the user and password of [flower] in config.ini.\n")


class _OwnQueues:
    """Flower's handlers know the brokers that Celery ships with; this one answers for ours."""

    application: MonitorApplication

    def get_broker(self) -> Any:
        if self.application.transport == SCHEME:
            return _InProcessQueues(self.application.broker_uri)
        return super().get_broker()  # type: ignore[misc]


class _InProcessQueues:
    def __init__(self, url: str) -> None:
        self._url = url

    async def queues(self, names: list[str]) -> list[dict[str, Any]]:
        return queue_table(self._url, names)


class _BrokerPage(_OwnQueues, BrokerView):  # type: ignore[misc]
    pass


class _QueueLengths(_OwnQueues, GetQueueLengths):  # type: ignore[misc]
    pass
