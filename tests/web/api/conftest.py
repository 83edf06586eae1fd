"""Programs with keys of their own, and a real SMTP server for accounts to talk to."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from appliance.bootstrap import Core
from tests.smtp_sink import SmtpSink
from tests.web.conftest import ApiClient

MakeApi = Callable[..., ApiClient]


@pytest.fixture
def make_api(app: Flask, core: Core) -> MakeApi:
    """`make_api("send", "read")`: a program with a key of its own."""

    def make(*scopes: str) -> ApiClient:
        return ApiClient(app.test_client(), core.services.api_keys.create("a program", scopes).secret)

    return make


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink(users={"shop": "the secret of shop"}) as sink:
        yield sink
