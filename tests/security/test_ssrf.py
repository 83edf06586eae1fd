"""No way of writing an address lets a webhook reach what is not public: real names, real sockets, a real receiver."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from appliance.errors import InvalidInput
from appliance.services.webhook_form import EndpointForm, UrlRules, check
from appliance.webhooks.network import NetworkPolicy
from appliance.webhooks.post import Poster, Rules
from tests.webhook_receiver import WebhookReceiver, answer_with

PUBLIC_ONLY = NetworkPolicy()

HOSTS = [
    *("127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1"),
    *("0177.0.0.1", "017700000001", "0177.0x0.1", "127.0.0.1.", "0", "0.0.0.0", "0.0", "00.00"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost", "localhost.", "LOCALHOST", "localhost.localdomain"),
    *("169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]"),
    *("[fe80::1]", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.100.100.200", "224.0.0.1"),
    *("ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "１２７.0.0.1"),
    *("example.com@127.0.0.1", "127.0.0.1#example.com", "127.0.0.1?example.com", "127.0.0.1\\.example.com"),
]


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def post(url: str, policy: NetworkPolicy = PUBLIC_ONLY) -> str:
    """What is said to whoever reads the deliveries."""
    rules = Rules(policy, ssl.create_default_context(), 5.0, allow_http=True)
    with Poster(url, rules) as poster:
        answer = poster.post(b"{}", {})
    assert answer.status is None or policy.allow_private
    return answer.error


@pytest.mark.parametrize("host", HOSTS)
def test_whatever_form_the_address_has_nothing_is_sent(receiver: WebhookReceiver, host: str) -> None:
    error = post(f"http://{host}:{receiver.port}/hooks")

    assert receiver.received == []
    assert error


@pytest.mark.parametrize("host", HOSTS)
def test_the_form_refuses_it_or_leads_nowhere(receiver: WebhookReceiver, host: str) -> None:
    """What the form lets pass is a name, and what it stores is what is connected to."""
    form = EndpointForm(f"http://{host}:{receiver.port}/hooks", events=("*",))
    try:
        stored = check(form, UrlRules(PUBLIC_ONLY, allow_http=True)).url
    except InvalidInput:
        return

    post(stored)

    assert receiver.received == []


def test_a_receiver_on_the_internet_cannot_send_us_elsewhere(receiver: WebhookReceiver) -> None:
    """The first one is allowed by its very address; what it redirects to is not."""
    with WebhookReceiver(answer_with(307, Location=receiver.url)) as first:
        host = NetworkPolicy(allow_private=True)

        error = post(first.url, host)

        assert len(first.received) == 1
    assert receiver.received == []
    assert "It is not followed" in error


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0"])
def test_a_name_that_leads_inside_is_refused_whatever_the_resolver_calls_it(
    receiver: WebhookReceiver, address: str
) -> None:
    def resolve(_host: str, port: int, _seconds: float) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0) if ":" in address else (address, port))]

    rules = Rules(PUBLIC_ONLY, ssl.create_default_context(), 5.0, allow_http=True, resolve=resolve)
    with Poster(f"http://rebind.example:{receiver.port}/hooks", rules) as poster:
        answer = poster.post(b"{}", {})

    assert "not public" in answer.error
    assert receiver.received == []
