"""Requests over real sockets to receivers that behave and misbehave."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from appliance.webhooks.network import NetworkPolicy
from appliance.webhooks.post import MOST_BYTES, SHOWN_BYTES, Answer, Poster, Rules
from tests import certificates
from tests.webhook_receiver import (
    WebhookReceiver,
    answer_with,
    drip_body,
    drip_headers,
    endless_body,
    endless_continue,
    garbage,
    hang,
    hang_up,
)

PRIVATE = NetworkPolicy(allow_private=True)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def rules(**overrides: Any) -> Rules:
    """Those of an appliance whose owner allows everything, and whose patience is short."""
    fields: dict[str, Any] = {"policy": PRIVATE, "context": trusting(), "seconds": 5.0, "allow_http": True}
    return Rules(**fields | overrides)


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificates.public_certificate())


def post(url: str, body: bytes = b"{}", **overrides: Any) -> Answer:
    with Poster(url, rules(**overrides)) as poster:
        return poster.post(body, {"webhook-id": "whd_1"})


def resolver(*answers: Sequence[str]) -> Any:
    """Answers each question with the next of `answers`, whatever was asked."""
    left = list(answers)

    def resolve(_host: str, port: int, _seconds: float) -> list[tuple[Any, ...]]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    return resolve


def test_body_and_headers_arrive_as_they_are(receiver: WebhookReceiver) -> None:
    answer = post(receiver.url + "?a=1", '{"a":"ü"}'.encode())

    [received] = receiver.received
    assert answer == Answer(204)
    assert (received.path, received.body) == ("/hooks?a=1", '{"a":"ü"}'.encode())
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert received.headers["webhook-id"] == "whd_1"


def test_certificate_is_checked_against_the_name() -> None:
    with WebhookReceiver(tls=True) as receiver:
        answers = [
            post(receiver.url),
            post(receiver.url, context=ssl.create_default_context()),
            post(receiver.url.replace("localhost", "other.example"), resolve=resolver(["127.0.0.1"])),
        ]

    assert answers[0].accepted
    assert "its certificate is not good" in answers[1].error
    assert "Hostname mismatch" in answers[2].error
    assert len(receiver.received) == 1


def test_http_is_refused_unless_it_is_allowed(receiver: WebhookReceiver) -> None:
    answer = post(receiver.url, allow_http=False)

    assert (answer.status, receiver.received) == (None, [])
    assert "allow_http" in answer.error


def test_nothing_is_sent_to_an_address_that_is_not_public(receiver: WebhookReceiver) -> None:
    answer = post(receiver.url, policy=NetworkPolicy())

    assert (answer.status, receiver.received) == (None, [])
    assert "leads to 127.0.0.1, which is not public" in answer.error
    assert "allow_networks" in answer.error


def test_name_that_leads_elsewhere_at_the_second_question_gains_nothing(receiver: WebhookReceiver) -> None:
    """DNS rebinding: an allowed address for whoever checks, another one for whoever connects."""
    asked: list[str] = []
    answers = resolver(["127.0.0.2"], ["127.0.0.1"])

    def resolve(host: str, port: int, seconds: float) -> Any:
        asked.append(host)
        return answers(host, port, seconds)

    policy = NetworkPolicy.of(allow_private=False, networks=["127.0.0.2/32"])  # plays the public internet
    url = f"http://rebinding.example:{receiver.port}/"
    first, second = (post(url, policy=policy, resolve=resolve) for _ in range(2))

    assert len(asked) == 2  # one question a connection: what was checked is what is connected to
    assert "Cannot connect" in first.error  # to 127.0.0.2, where nobody listens
    assert "leads to 127.0.0.1, which is not public" in second.error
    assert receiver.received == []


def test_private_addresses_among_public_ones_are_left_out(receiver: WebhookReceiver) -> None:
    policy = NetworkPolicy.of(allow_private=False, networks=["127.0.0.0/8"])
    url = f"http://two.example:{receiver.port}/"

    answer = post(url, policy=policy, resolve=resolver(["10.255.255.1", "127.0.0.1"]))

    assert answer.accepted


def test_next_address_is_tried_when_one_does_not_answer(receiver: WebhookReceiver) -> None:
    answer = post(f"http://two.example:{receiver.port}/", resolve=resolver(["127.0.0.2", "127.0.0.1"]))

    assert answer.accepted


def test_redirect_is_not_followed(receiver: WebhookReceiver) -> None:
    with WebhookReceiver(answer_with(307, Location=receiver.url)) as redirecting:
        answer = post(redirecting.url)

    assert (answer.status, answer.accepted, receiver.received) == (307, False, [])
    assert "redirect" in answer.error


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_any_other_status_is_a_refusal_with_its_answer(status: int) -> None:
    with WebhookReceiver(answer_with(status, b"not today")) as receiver:
        answer = post(receiver.url)

    assert (answer.status, answer.text, answer.accepted, answer.gone) == (status, "not today", False, status == 410)
    assert str(status) in answer.error


@pytest.mark.parametrize("behaviour", [hang, drip_headers])
def test_receiver_that_drips_or_is_silent_is_cut_off(behaviour: Any) -> None:
    with WebhookReceiver(behaviour) as receiver:
        answer = post(receiver.url, seconds=0.3)

    assert answer == Answer(None, error="The receiver did not answer within 0.3 seconds.")


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_body_that_drips_on_is_cut_off_and_the_status_counts(tls: bool) -> None:
    with WebhookReceiver(drip_body, tls=tls) as receiver:
        answer = post(receiver.url, seconds=0.5)

    assert answer.accepted
    assert answer.text.startswith("hello")


def test_server_that_drips_its_handshake_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts by its backlog, and never says a word of TLS
        answer = post(f"https://localhost:{silent.getsockname()[1]}/", seconds=0.3)

    assert "there was no answer in time" in answer.error


def test_of_a_huge_answer_only_the_beginning_is_read() -> None:
    with WebhookReceiver(endless_body) as receiver:
        answer = post(receiver.url)

    assert answer.accepted
    assert answer.text == "x" * SHOWN_BYTES


def test_receiver_that_pours_without_answering_is_cut_off() -> None:
    with WebhookReceiver(endless_continue) as receiver:
        answer = post(receiver.url)

    assert answer == Answer(None, error="The receiver sent 256 KB and no answer among them.")


def test_answer_is_kept_without_what_cannot_be_shown() -> None:
    with WebhookReceiver(answer_with(500, b"a\0b\x1b\xff\n")) as receiver:
        answer = post(receiver.url)

    assert answer.text == "ab\ufffd\n"


def test_what_is_not_http_is_said_to_be_none() -> None:
    with WebhookReceiver(garbage) as receiver:
        answer = post(receiver.url)

    assert answer == Answer(None, error="What the receiver answered is not HTTP (BadStatusLine).")


def test_receiver_that_hangs_up_is_said_to() -> None:
    with WebhookReceiver(hang_up) as receiver:
        answer = post(receiver.url)

    assert answer == Answer(None, error="The receiver closed the connection before it answered.")


def test_nobody_there_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert post(f"http://127.0.0.1:{port}/").error == f"Cannot connect to 127.0.0.1, port {port}: Connection refused."


def test_unknown_name_is_said_in_words() -> None:
    assert "nowhere.invalid cannot be resolved" in post("https://nowhere.invalid/").error


def test_connection_is_kept_for_the_next_request(receiver: WebhookReceiver) -> None:
    receiver.answers = [answer_with(200, b"fine"), answer_with(500, b"x" * (SHOWN_BYTES * 3)), 204]
    with Poster(receiver.url, rules()) as poster:
        for _ in range(3):
            poster.post(b"{}", {})

    assert len({one.connection for one in receiver.received}) == 1


def test_long_answer_costs_the_connection(receiver: WebhookReceiver) -> None:
    receiver.answers = [answer_with(200, b"x" * (MOST_BYTES * 4))]
    with Poster(receiver.url, rules()) as poster:
        answers = [poster.post(b"{}", {}) for _ in range(2)]

    assert all(answer.accepted for answer in answers)
    assert len({one.connection for one in receiver.received}) == 2


def test_kept_connection_that_was_closed_meanwhile_is_opened_anew(receiver: WebhookReceiver) -> None:
    receiver.answers = [204, hang_up, 204]
    with Poster(receiver.url, rules()) as poster:
        answers = [poster.post(b"{}", {}) for _ in range(2)]

    assert [answer.accepted for answer in answers] == [True, True]
    assert len(receiver.received) == 3


def test_the_time_for_it_all_is_that_for_the_name_as_well() -> None:
    given: list[float] = []

    def resolve(_host: str, _port: int, seconds: float) -> Any:
        given.append(seconds)
        raise TimeoutError

    answer = post("https://silent.example/", resolve=resolve, seconds=3.0)

    assert answer.error == "The name silent.example was not resolved in time."
    assert 2 < given[0] <= 3
