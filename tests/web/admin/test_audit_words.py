"""Whatever the code writes into the audit is said in words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import appliance
from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import AuditEntry
from appliance.db.queries.message_filters import Filters
from appliance.services import audit
from appliance.services.key_form import KeyForm
from appliance.services.sender_accounts import AccountForm
from appliance.services.webhook_form import EndpointForm
from appliance.web.admin import audit_words
from tests.web.conftest import submit

PACKAGE = Path(appliance.__file__).parent
Function = ast.FunctionDef


def written_actions() -> set[str]:
    """The first argument of every `audit.entry`, as far as it goes back to texts in the same module."""
    return {
        action
        for path in PACKAGE.rglob("*.py")
        if "audit.entry(" in (text := path.read_text(encoding="utf-8"))
        for action in _actions(ast.parse(text), path)
    }


def _actions(module: ast.Module, path: Path) -> Iterator[str]:
    for function in (node for node in ast.walk(module) if isinstance(node, Function)):
        for call in _calls(function, "entry"):
            found = list(_texts(call.args[0], function, module))
            assert found, f"{path}: cannot tell what {ast.unparse(call)} writes"
            yield from found


def _texts(value: ast.expr, function: Function, module: ast.Module) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from (*_texts(one, function, module), *_texts(other, function, module))
        case ast.JoinedStr(values=[ast.Constant(value=str(before)), ast.FormattedValue(value=rest)]):
            yield from (f"{before}{text}" for text in _texts(rest, function, module))
        case ast.Name(id=name):
            yield from _given(name, function, module)


def _given(name: str, function: Function, module: ast.Module) -> Iterator[str]:
    """What callers hand over as the parameter `name`."""
    names = [one.arg for one in function.args.args if one.arg != "self"]
    for call in _calls(module, function.name):
        given = dict(zip(names, call.args, strict=False)) | {one.arg: one.value for one in call.keywords if one.arg}
        yield from _texts(given[name], function, module)


def _calls(where: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(where):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


def note(core: Core, action: str, detail: dict[str, Any], target: str = "it_1") -> str:
    row = audit.entry(action, target, detail, utc_now())
    core.database.write(lambda session: AuditEntry.note(session, row))
    return str(row["id"])


def facts(page: str) -> str:
    """The details alone, without mark-up."""
    told = page.partition('id="detail-title"')[2].partition("</section>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", told))


def test_every_action_that_is_written_has_a_title() -> None:
    written = written_actions()

    assert {
        "message.retried",
        "user.signed_in",
        "account.paused",
        "user.role_changed",
    } <= written  # each in another way
    assert written - set(audit_words.ACTIONS) == set()
    assert {action.partition(".")[0] for action in written} - set(audit_words.NOUNS) == set()


def test_every_field_that_can_change_has_a_label() -> None:
    forms = (AccountForm, KeyForm, EndpointForm, Filters)
    fields = {name for form in forms for name in form.__slots__}
    assert fields - set(audit_words.LABELS) == set()


def test_a_list_has_titles_instead_of_codes(alice: FlaskClient, core: Core) -> None:
    note(core, "key.revoked", {"name": "Shop"})

    page = alice.get("/audit").text
    assert ">API key revoked</a>" in page
    assert '<option value="key.">API keys: all</option>' in page
    assert ">key.revoked<" not in page


def test_so_has_one_in_chinese(alice: FlaskClient, core: Core) -> None:
    submit(alice, "/language", {"language": "zh"}, form_at="/audit")
    note(core, "user.sign_in_failed", {"name": "alice"})

    assert ">登录被拒绝</a>" in alice.get("/audit").text


def test_an_action_of_an_earlier_version_is_shown_as_it_is(alice: FlaskClient, core: Core) -> None:
    note(core, "thing.befallen", {"once": 1})

    assert ">thing.befallen</a>" in alice.get("/audit?action=thing.").text
    assert '<option value="thing.gone" selected>' in alice.get("/audit?action=thing.gone").text


@pytest.mark.parametrize(
    ("action", "detail", "said"),
    [
        ("account.changed", {"port": [25, 587], "active": [True, False]}, "Port 25 → 587 In use yes → no"),
        (
            "account.changed",
            {"daily_limit": [None, 40], "password": "changed"},
            "Messages a day – → 40 Password Changed",
        ),
        ("user.role_changed", {"name": "bob", "role": ["viewer", "operator"]}, "Name bob Role Viewer → Operator"),
        ("message.retried", {"was": "partially_sent"}, "State before Partially sent"),
        ("webhook.created", {"events": ["message.*", "account.broken"]}, "everything about messages, a sender account"),
        ("webhook.changed", {"events": ["message.sent", "message.held"]}, "to every recipient, a message waits"),
        (
            "job.created",
            {"kind": "messages.retry", "filter": {"status": ["failed"]}},
            "Retry messages Filter State: Failed",
        ),
        ("suppression.added", {"reason": "", "expires_at": "2026-03-10T12:00:00+00:00"}, "Expires 2026-03-10 12:00:00"),
        ("suppression.added", {"expires_at": "soon"}, "Expires soon"),
        ("template.rolled_back", {"to": 3}, "Back to version 3"),
        ("account.tested", {"to": "ann@example.com", "ok": True}, "To ann@example.com It works yes"),
        ("attachment.deleted", {"size": 2048}, "Size 2.0 KiB"),
        ("key.created", {"allowed_from": [], "name": "<i>"}, "Addresses it may send from – Name &lt;i&gt;"),
        ("thing.befallen", {"nobody_knows": {"deep": ["x"]}}, "nobody_knows deep: x"),
    ],
)
def test_a_detail_is_said_in_words(
    alice: FlaskClient, core: Core, action: str, detail: dict[str, Any], said: str
) -> None:
    entry = note(core, action, detail)

    assert said in facts(alice.get(f"/audit/{entry}").text)
