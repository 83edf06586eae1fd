"""Whatever goes wrong, somebody who reads another language is told of it in that language, not in ours.

Every text that is translated stands between marks here, so whatever sentence is left outside of them was said in
English, by the program. What people typed and what servers said is no sentence of ours.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import flask_babel
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import SenderAccount, WebhookEndpoint
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.suppression import SuppressionSource
from appliance.mail import smtp_words
from appliance.services.rescue import UNCERTAIN
from appliance.services.sender_accounts import AccountForm
from appliance.services.webhook_form import EndpointForm
from appliance.webhooks import words as webhook_words
from tests.factories import add_attempt, add_message
from tests.marked import Marked, unmarked
from tests.services.templates import template_form
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until
from tests.web.conftest import ApiClient, submit

SENTENCE = re.compile(r"[A-Za-z']{2,}(?:,? [a-z']{1,}){2,}")
SPOKEN_BY_OTHERS = ("no such thing here", "greets you")
ACCOUNT = {"name": "Shop", "email": "shop@example.com", "transport": "smtp", "host": "127.0.0.1", "security": "none"}
TEMPLATE = {"slug": "invoice", "name": "Invoice", "subject": "Invoice", "html": "<p>Hi</p>"}


class Words(HTMLParser):
    """The text of a page that is read, without code."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("br", "input", "meta", "link", "img", "hr", "col", "source"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "main" in self._inside and not {"code", "script", "textarea", "option"} & set(self._inside):
            self.texts.append(data)


@pytest.fixture
def zhang(alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """An administrator who reads another language."""
    monkeypatch.setattr(flask_babel.Domain, "get_translations", lambda _domain: Marked())
    alice.environ_base |= {"HTTP_ACCEPT": "text/html"}
    return alice


@pytest.fixture
def invoice(core: Core) -> None:
    core.services.templates.create("invoice", template_form(), author="alice", reason="First draft")


def english(answer: TestResponse) -> list[str]:
    """The sentences that nobody translated."""
    words = Words()
    words.feed(answer.text)
    left = unmarked(" ".join(words.texts))
    return [found for found in SENTENCE.findall(left) if not any(said in found for said in SPOKEN_BY_OTHERS)]


def told(answer: TestResponse, *sentences: str) -> None:
    """It says these, translated, and no other sentence in English."""
    page = re.sub(r"&#39;", "'", re.sub(r"&#34;|&quot;", '"', answer.text))
    assert [one for one in sentences if one not in page] == []
    assert english(answer) == []


def test_a_slug_that_is_taken_is_said_in_their_language(zhang: FlaskClient, invoice: None) -> None:
    told(submit(zhang, "/templates/new", TEMPLATE), "«There is a template 'invoice' already. ")


def test_a_template_that_somebody_changed_meanwhile(zhang: FlaskClient, invoice: None) -> None:
    answer = submit(zhang, "/templates/invoice/edit", TEMPLATE | {"base_version": "7"})

    told(answer, "«Somebody else changed the template meanwhile: it is at version 1. ")


def test_a_rollback_to_what_it_says_already(zhang: FlaskClient, invoice: None) -> None:
    submit(zhang, "/templates/invoice/rollback", {"version": "1"})

    told(zhang.get("/templates/invoice"), "«The template says what version 1 said already. ")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("one\n{{ a b }}", "«Line 2: «'b' does not belong there: "),
        ("{% if a %}", "«Line 1: «{% if … %} is not closed: write {% endif %} "),
        ("{{ a | nix }}", "«Line 1: «there is no filter 'nix'; "),
        ("{{ nobody }}", "«It uses the variable 'nobody', which is not declared.»"),
    ],
)
def test_a_template_that_cannot_be_read(zhang: FlaskClient, source: str, said: str) -> None:
    told(submit(zhang, "/templates/new", TEMPLATE | {"html": source}), said)


def test_a_template_that_cannot_be_rendered_with_its_examples(zhang: FlaskClient) -> None:
    fields = TEMPLATE | {"html": "{{ 1 / 0 }}", "preview": "1"}

    told(submit(zhang, "/templates/new", fields), "«something is divided by zero»")


@pytest.mark.parametrize("path", ["/templates/new", "/suppressions", "/accounts/new"])
def test_an_empty_form(zhang: FlaskClient, path: str) -> None:
    told(submit(zhang, path, {}, form_at=path))


@pytest.mark.parametrize("address", ["ann", "ann@", "a b@example.com", "ann@example", "ann@-example.com"])
def test_an_address_that_is_none(zhang: FlaskClient, address: str) -> None:
    told(submit(zhang, "/accounts/new", ACCOUNT | {"email": address}), f"«'{address}' is not an e-mail address: «")
    told(submit(zhang, "/suppressions", {"address": f"{address} ", "reason": ""}))


def test_a_message_to_nobody(zhang: FlaskClient) -> None:
    told(
        submit(zhang, "/compose", {"to": "nobody", "subject": "Hello", "text": "Hi", "do": "send"}, form_at="/compose")
    )


def test_a_key_that_was_revoked(zhang: FlaskClient, core: Core) -> None:
    key = core.services.api_keys.create("shop", ["send"]).id
    core.services.api_keys.revoke(key)

    submit(zhang, f"/keys/{key}/enable", {})

    told(zhang.get("/keys"), "«The API key was revoked, and that is for good. ")


def test_a_key_that_may_do_nothing(zhang: FlaskClient) -> None:
    told(submit(zhang, "/keys", {"name": "", "allowed_from": "nobody"}, form_at="/keys"))


def test_a_user_that_there_is(zhang: FlaskClient) -> None:
    fields = {"name": "alice", "role": "viewer", "password": "long enough for this", "again": "long enough for this"}

    told(submit(zhang, "/users/new", fields), "«There is a user ")


def test_a_password_that_is_wrong(zhang: FlaskClient) -> None:
    told(
        submit(zhang, "/profile/password", {"current": "wrong", "new": "x", "again": "y"}, form_at="/profile/password")
    )


def test_a_list_of_suppressions_with_wrong_rows(zhang: FlaskClient, core: Core) -> None:
    core.services.suppressions.add("ann@example.com", source=SuppressionSource.MANUAL)

    told(zhang.get("/suppressions"))


def test_an_account_whose_server_refuses_the_login(zhang: FlaskClient, core: Core, sink: SmtpSink) -> None:
    form = AccountForm(**ACCOUNT, port=sink.port, username="shop", password="wrong")  # type: ignore[arg-type]
    account = core.services.sender_accounts.create(form)
    answer = submit(zhang, f"/accounts/{account}/test", {})

    told(answer, "«127.0.0.1 refused the login: 535", f"«connected to 127.0.0.1:{sink.port}»")


def test_an_account_whose_server_is_not_there(zhang: FlaskClient, core: Core) -> None:
    account = core.services.sender_accounts.create(AccountForm(**ACCOUNT, port=1))  # type: ignore[arg-type]

    told(submit(zhang, f"/accounts/{account}/test", {}), "«Cannot connect to 127.0.0.1:1: «Connection refused».»")


def test_an_account_that_broke_while_nobody_looked(zhang: FlaskClient, core: Core) -> None:
    account = core.services.sender_accounts.create(AccountForm(**ACCOUNT, port=1))  # type: ignore[arg-type]
    error = smtp_words.NOT_TRUSTED % {"host": "smtp.example.com", "reason": "certificate has expired"}
    kept = {"last_error": error, "last_error_at": utc_now(), "breaker_failures": 1}
    breaker = {"breaker_until": utc_now() + timedelta(hours=1)}
    core.database.write(lambda session: session.execute(update(SenderAccount).values(**kept, **breaker)) and None)

    said = "«The certificate of smtp.example.com is not trusted: «certificate has expired».»"
    told(zhang.get("/accounts"), said)
    told(zhang.get(f"/accounts/{account}"), said)


def test_a_trial_in_the_first_run(zhang: FlaskClient, sink: SmtpSink) -> None:
    sink.reply("EHLO", "550 5.7.1 no such thing here")
    sink.reply("HELO", "550 5.7.1 no such thing here")
    form_at = "/welcome/account?preset=custom"
    trial = submit(zhang, form_at, ACCOUNT | {"port": str(sink.port)}, form_at=form_at).headers["Location"]
    wait_until(lambda: "refused EHLO" in zhang.get(trial).text)

    told(zhang.get(trial), "«127.0.0.1 refused EHLO ")


def test_what_is_kept_of_a_message_that_failed(zhang: FlaskClient, core: Core) -> None:
    facts = {"host": "mx.example.com", "what": smtp_words.CLOSED, "place": smtp_words.AT_COMMAND % {"command": "RCPT"}}
    detail = smtp_words.LOST % facts

    def write(session: Any) -> str:
        message = add_message(
            session,
            "ann@example.com",
            status=MessageStatus.DEFERRED,
            reason=Reason.TEMPORARY,
            detail=detail,
            attempts=1,
        )
        add_attempt(session, message, reply_code=None, reply_text=detail)
        add_attempt(session, message, reply_code=None, reply_text=UNCERTAIN)
        return message

    answer = zhang.get(f"/messages/{core.database.write(write)}")

    told(answer, "«mx.example.com «closed the connection»« at RCPT».»", f"«{UNCERTAIN}»")


def test_what_is_kept_of_a_webhook_that_failed(zhang: FlaskClient, core: Core) -> None:
    endpoint = core.services.webhook_endpoints.create(EndpointForm("https://hooks.example.com/")).id
    error = webhook_words.REFUSED % {"code": 500}
    core.database.write(
        lambda session: WebhookEndpoint.note_failure(
            session, endpoint, at=utc_now(), known_failures=0, rest=timedelta(minutes=1), error=error
        )
    )

    told(zhang.get(f"/webhooks/{endpoint}"), f"«{error}»")
    core.services.webhook_endpoints.pause(endpoint)
    told(zhang.get("/webhooks"), "«Paused by hand.»")


@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        ("POST", "/templates", {"slug": "invoice", "name": "Invoice", "subject": "Hi", "text": "{{ a b }}"}),
        ("POST", "/messages", {"to": ["nobody"], "subject": "Hi", "text": "Hi"}),
        ("POST", "/suppressions", {"address": "nobody"}),
        ("POST", "/keys", {"name": "x", "scopes": ["fly"]}),
        ("POST", "/accounts", {"name": "Shop", "email": "shop", "host": "127.0.0.1"}),
    ],
)
def test_a_program_reads_english_whatever_it_says_of_languages(
    api: ApiClient, zhang: FlaskClient, method: str, path: str, json: Any
) -> None:
    send: Callable[..., TestResponse] = api.post
    answer = send(f"/api/v1{path}", json, headers={"Accept-Language": "zh-CN"})

    assert answer.status_code in (409, 422)
    assert "«" not in answer.text


def test_a_program_reads_english_of_what_a_write_refuses(api: ApiClient, zhang: FlaskClient, core: Core) -> None:
    key = core.services.api_keys.create("shop", ["send"]).id
    core.services.api_keys.revoke(key)

    answer = api.patch(f"/api/v1/keys/{key}", {"name": "other"}, headers={"Accept-Language": "zh-CN"})

    assert (answer.status_code, "«" in answer.text) == (409, False)
