from collections.abc import Callable

import pytest

from appliance.mail.smtp import SmtpTransport
from appliance.mail.transport import AccountTransportError, Stage
from tests.mail.conftest import envelope
from tests.smtp_sink import SmtpSink

MakeTransport = Callable[..., SmtpTransport]


@pytest.mark.parametrize("offered", ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2 LOGIN", "plain login"])
@pytest.mark.parametrize("password", ["s3cret", "pässwörd €", "%n: #;"])
def test_login_works_with_each_mechanism(transport_to: MakeTransport, offered: str, password: str) -> None:
    with SmtpSink(users={"shop": password}, auth=offered.upper()) as sink:
        transport_to(sink, username="shop", password=password).send(envelope())

        assert sink.messages[0].user == "shop"


def test_wrong_password_is_an_account_error_and_tried_once(transport_to: MakeTransport) -> None:
    with SmtpSink(users={"shop": "s3cret"}) as sink:
        with pytest.raises(AccountTransportError, match=r"127\.0\.0\.1 refused the login: 535 5\.7\.8") as raised:
            transport_to(sink, username="shop", password="wrong").send(envelope())

        assert (raised.value.stage, raised.value.reply.code) == (Stage.AUTH, 535)
        assert sum(command.startswith("AUTH") for command in sink.commands) == 1


def test_mechanism_that_does_not_work_is_followed_by_the_next(transport_to: MakeTransport) -> None:
    with SmtpSink(users={"shop": "s3cret"}, auth="PLAIN LOGIN") as sink:
        sink.reply("AUTH", "504 5.5.4 not implemented", when=lambda line: line.startswith("PLAIN"))

        transport_to(sink, username="shop", password="s3cret").send(envelope())

        assert sink.messages[0].user == "shop"


def test_cram_md5_that_the_server_cannot_check_is_followed_by_the_next(transport_to: MakeTransport) -> None:
    with SmtpSink(users={"shop": "s3cret"}, auth="CRAM-MD5 PLAIN") as sink:
        sink.reply("AUTH", "535 5.7.8 no", when=lambda line: line.startswith("CRAM"))

        transport_to(sink, username="shop", password="s3cret").send(envelope())

        assert sink.messages[0].user == "shop"


@pytest.mark.parametrize("reply", ["454 4.7.0 temporary", "421 4.7.0 too many tries", "535 5.7.8 no"])
def test_login_that_is_refused_is_an_account_error_whatever_the_code(transport_to: MakeTransport, reply: str) -> None:
    with SmtpSink(users={"shop": "s3cret"}) as sink:
        sink.reply("AUTH", reply)

        with pytest.raises(AccountTransportError, match="refused the login"):
            transport_to(sink, username="shop", password="s3cret").send(envelope())


def test_login_that_no_known_mechanism_fits_names_the_remedy(transport_to: MakeTransport) -> None:
    with SmtpSink(users={"shop": "s3cret"}, auth="GSSAPI") as sink:
        transport = transport_to(sink, username="shop", password="s3cret")

        with pytest.raises(AccountTransportError, match=r"offers no login that is known here.*587 or 465"):
            transport.send(envelope())


def test_server_that_challenges_without_an_end_is_given_up(transport_to: MakeTransport) -> None:
    with SmtpSink(users={"shop": "s3cret"}, auth="LOGIN") as sink:
        sink.raw("AUTH", b"334 \r\n" * 50)

        with pytest.raises(AccountTransportError, match="refused the login: 334"):
            transport_to(sink, username="shop", password="s3cret").send(envelope())


@pytest.mark.parametrize("offered", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_dialogue_hides_everything_that_is_secret(transport_to: MakeTransport, offered: str) -> None:
    dialogue: list[str] = []
    with SmtpSink(users={"shop": "s3cret"}, auth=offered) as sink:
        transport_to(sink, username="shop", password="s3cret").check(dialogue)

    said = [line for line in dialogue if line.startswith("C:")]
    assert said[1:-2] in (["C: AUTH PLAIN ***"], ["C: AUTH LOGIN", "C: ***", "C: ***"], ["C: AUTH CRAM-MD5", "C: ***"])
