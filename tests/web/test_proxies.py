from typing import Any

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from appliance.web.proxies import TrustedProxies

FORWARDED = {
    "X-Forwarded-For": "198.51.100.7, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "mail.example.com",
    "X-Forwarded-Prefix": "/elsewhere",
    "X-Forwarded-Port": "8443",
}


@Request.application
def tell(request: Request) -> Response:
    return Response(f"{request.remote_addr} {request.scheme} {request.host} {request.script_root}|")


def seen_from(address: str, trusted: tuple[str, ...], **headers: str) -> str:
    environ: dict[str, Any] = {"REMOTE_ADDR": address}
    return Client(TrustedProxies(tell, trusted)).get("/", headers=headers or FORWARDED, environ_base=environ).text


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1"])
def test_named_proxy_is_believed(address: str) -> None:
    assert seen_from(address, ("192.0.2.1",)) == "203.0.113.9 https mail.example.com |"


@pytest.mark.parametrize(
    ("address", "trusted"), [("192.0.2.2", ("192.0.2.1",)), ("127.0.0.1", ()), ("", ("192.0.2.1",))]
)
def test_nobody_else_is_believed(address: str, trusted: tuple[str, ...]) -> None:
    assert seen_from(address, trusted) == f"{address} http localhost |"


def test_only_what_the_proxy_itself_added_is_believed() -> None:
    forged = {"X-Forwarded-For": "127.0.0.1, 198.51.100.7"}

    assert seen_from("192.0.2.1", ("192.0.2.1",), **forged).startswith("198.51.100.7 ")
