"""A box with one of everything, and the addresses of its pages: so that tests can walk over all of them.

A page that is added is walked over by itself; where its address names a new kind of thing, `Filled.named` wants one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from flask import Flask
from werkzeug.routing import Rule

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import WebhookDelivery
from appliance.db.models.base import insert_rows
from appliance.db.queries import mailbox
from appliance.services import webhook_fanout
from tests.web.api.letters import post, send_all
from tests.web.conftest import ApiClient

FILE = {"filename": "<script>alert(1).txt", "content": "aGVsbG8="}
SCRIPTING = "<script>alert(1)</script>"


@dataclass
class Filled:
    """`named`: what stands for each argument of an address."""

    named: dict[str, str] = field(default_factory=dict)

    def path(self, rule: Rule, **changes: str) -> str:
        values = {name: self.named.get(name, "1") for name in rule.arguments} | changes
        built = rule.build(values, append_unknown=False)
        assert built is not None
        return built[1]

    def pages(self, app: Flask, method: str = "GET") -> Iterator[tuple[Rule, str]]:
        """Whatever is for people, with an address of each."""
        for rule in app.url_map.iter_rules():
            for_people = rule.endpoint.startswith(("admin.", "setup", "sign_in", "error_docs"))
            if for_people and method in (rule.methods or ()) and not rule.endpoint.startswith("admin.flower"):
                yield rule, self.path(rule)


def fill(api: ApiClient, core: Core) -> Filled:
    """Everything has a name that would be a script in a page that forgets to escape."""
    message = post(api, subject=SCRIPTING, html=SCRIPTING, tags=["tag"], metadata={"a": SCRIPTING}, attachments=[FILE])
    send_all(core)
    account = _made(
        api,
        "accounts",
        {"name": SCRIPTING, "email": "shop@example.com", "host": "127.0.0.1", "port": 9, "security": "none"},
    )
    _made(api, "templates", {"slug": "hello", "name": SCRIPTING, "subject": "Hello", "html": "<p>Hello</p>"})
    api._open("PUT", "/api/v1/templates/hello", {"json": {"name": SCRIPTING, "subject": "Hi", "html": "<p>Hi</p>"}})
    webhook = _made(api, "webhooks", {"url": "https://example.com/hooks", "description": SCRIPTING})
    delivery = webhook_fanout.row(webhook, "message.sent", '{"type":"message.sent"}', utc_now())
    core.database.write(lambda session: insert_rows(session, WebhookDelivery, delivery))
    _made(api, "suppressions", {"address": "gone@example.com"})
    key = _made(api, "keys", {"name": SCRIPTING, "scopes": ["read"]})
    with core.database.read() as session:
        mail = mailbox.page(session)[0][0].id
    return Filled(
        {
            "account_id": account,
            "slug": "hello",
            "webhook_id": webhook,
            "delivery_id": str(delivery["id"]),
            "key_id": key,
            "message_id": message,
            "mail_id": mail,
            "suppression_id": "1",
            "number": "1",
            "code": "not_found",
            "key": "backup",
            "filename": "css/postroom.css",
        }
    )


def _made(api: ApiClient, what: str, fields: dict[str, object], key: str = "id") -> str:
    answer = api.post(f"/api/v1/{what}", fields)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.get_json().get(key, ""))


class Page(HTMLParser):
    """What of a page a policy or a forger would care about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.foreign: list[str] = []
        self.forms: list[str] = []
        self.without_token: list[str] = []
        self._posts = ""
        self.feed(text)
        self._end_form()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if (tag == "script" and "src" not in given) or tag == "style":
            self.inline.append(f"<{tag}>")
        self.inline += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        places = {
            name: given[name] for name in ("src", "href", "action", "formaction", "poster", "data") if name in given
        }
        if tag != "img" or not places.get("src", "").startswith("data:image/"):
            self.inline += [
                place for place in places.values() if place.lower().lstrip().startswith(("javascript:", "data:"))
            ]
        loads = [place for name, place in places.items() if tag != "a" or name != "href"]
        self.foreign += [place for place in loads if place.startswith(("//", "http:", "https:"))]
        if tag == "form":
            self._end_form()
            if given.get("method", "").lower() == "post":
                self._posts = given.get("action", "") or "(itself)"
                self.forms.append(self._posts)
        if tag == "input" and given.get("name") == "csrf_token" and given.get("value"):
            self._posts = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._end_form()

    def _end_form(self) -> None:
        if self._posts:
            self.without_token.append(self._posts)
        self._posts = ""


class Form(HTMLParser):
    """The names of what a page asks for, and its token."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.token = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if given.get("name") == "csrf_token":
            self.token = self.token or given.get("value", "")
        elif tag in ("input", "select", "textarea", "button") and given.get("name"):
            self.names.add(given["name"])
