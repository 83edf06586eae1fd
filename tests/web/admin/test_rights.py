"""Roles on the pages: what a role may not is refused before anything is read, on every route there is."""

import ast
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from appliance.db.models.audit_entry import ActorKind
from appliance.errors import Forbidden
from appliance.services import audit, permission
from appliance.services.audit import Actor
from appliance.services.permission import Permission
from appliance.web.admin import rights
from appliance.web.context import WebContext
from tests.web.conftest import MakePerson

SERVICES = Path(permission.__file__).parent
OWN = "admin.profile."
ADMINISTER = {"accounts", "keys", "webhooks", "users", "retention", "alerts", "settings", "wizard", "backups"}


def changing(app: Flask) -> list[Rule]:
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "POST" in (rule.methods or ()) and "flower" not in rule.endpoint
    ]


def post(browser: FlaskClient, rule: Rule, token: str) -> int:
    built = rule.build(dict.fromkeys(rule.arguments, 1), append_unknown=False)
    assert built is not None
    return browser.post(built[1], data={"csrf_token": token}, headers={"Accept": "text/html"}).status_code


def token_of(browser: FlaskClient) -> str:
    return browser.get("/profile/password").text.partition('name="csrf_token" value="')[2].partition('"')[0]


def reads_only(app: Flask, rule: Rule) -> bool:
    return rights_of(app, rule) is Permission.VIEW


def rights_of(app: Flask, rule: Rule) -> Permission:
    with app.app_context():
        return rights.needed(rule.endpoint, "POST")


def test_a_viewer_changes_nothing_on_any_page(app: Flask, make_person: MakePerson) -> None:
    carol = make_person("carol", "viewer")
    token = token_of(carol)
    rules = [rule for rule in changing(app) if not reads_only(app, rule)]
    assert len(rules) > 30

    for rule in rules:
        assert post(carol, rule, token) == HTTPStatus.FORBIDDEN, rule.endpoint


def test_only_the_persons_own_page_and_what_only_reads_is_open_to_a_viewer(app: Flask) -> None:
    """Each of these is here because it changes nothing that is not the person's own."""
    open_to_all = {rule.endpoint for rule in changing(app) if reads_only(app, rule)}

    assert all(
        endpoint.startswith(OWN) or endpoint.rpartition(".")[2].startswith(("preview", "check", "faults"))
        for endpoint in open_to_all
    ), open_to_all


def test_an_operator_administers_nothing(app: Flask, make_person: MakePerson) -> None:
    bob = make_person("bob", "operator")
    token = token_of(bob)
    rules = [rule for rule in changing(app) if rights_of(app, rule) is Permission.ADMINISTER]
    assert {rule.endpoint.split(".")[1] for rule in rules} >= {"accounts", "keys", "webhooks", "users", "wizard"}

    for rule in rules:
        assert post(bob, rule, token) == HTTPStatus.FORBIDDEN, rule.endpoint


def test_every_group_that_administers_asks_for_it(app: Flask) -> None:
    for rule in changing(app):
        if rule.endpoint.split(".")[1] in ADMINISTER and not reads_only(app, rule):
            assert rights_of(app, rule) is Permission.ADMINISTER, rule.endpoint


@pytest.mark.parametrize("path", ["/users", "/users/new", "/welcome", "/welcome/key"])
@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_users_and_the_first_steps_are_for_administrators(make_person: MakePerson, path: str, role: str) -> None:
    answer = make_person("carol", role).get(path, headers={"Accept": "text/html"})

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "Ask an administrator" in answer.text


@pytest.mark.parametrize("path", ["/compose", "/templates/new", "/accounts/new", "/webhooks/new"])
def test_a_form_that_could_not_be_sent_is_not_shown(make_person: MakePerson, path: str) -> None:
    assert make_person("carol", "viewer").get(path).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(("path", "status"), [("/compose", 200), ("/templates/new", 200), ("/accounts/new", 403)])
def test_an_operator_has_the_forms_of_mail(make_person: MakePerson, path: str, status: int) -> None:
    assert make_person("bob", "operator").get(path).status_code == status


@pytest.mark.parametrize("path", ["/", "/messages", "/accounts", "/keys", "/webhooks", "/suppressions", "/profile"])
def test_a_viewer_looks_at_the_rest(make_person: MakePerson, path: str) -> None:
    assert make_person("carol", "viewer").get(path).status_code == HTTPStatus.OK


def test_a_viewer_changes_nothing_in_flower(make_person: MakePerson) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}

    answer = make_person("carol", "viewer").post("/flower/api/worker/shutdown/celery@here", headers=headers)

    assert answer.status_code == HTTPStatus.FORBIDDEN


def test_the_menu_shows_what_one_may_see(alice: FlaskClient, make_person: MakePerson) -> None:
    assert 'href="/users"' in alice.get("/profile").text
    assert 'href="/users"' not in make_person("carol", "viewer").get("/profile").text


USE_CASES: dict[str, tuple[str, ...]] = {
    "submission": ("submit",),
    "batches": ("submit",),
    "messages": ("cancel", "retry", "release", "delete"),
    "bulk": ("start",),
    "jobs": ("cancel",),
    "box": ("pause", "resume"),
    "mailbox": ("delete", "empty"),
    "attachments": ("upload", "delete"),
    "suppressions": ("add", "remove", "import_csv"),
    "templates": ("create", "change", "roll_back", "delete"),
    "sender_accounts": ("create", "change", "pause", "resume", "delete"),
    "account_test": ("run",),
    "account_trials": ("begin", "look", "keep"),
    "api_keys": ("create", "change", "enable", "disable", "revoke"),
    "webhook_endpoints": ("create", "change", "pause", "resume", "replace_secret", "delete"),
    "webhook_replay": ("test", "one", "failed_since"),
    "retention": ("ask",),
    "backups": ("ask",),
    "users": ("create", "reset_password"),
    "user_changes": ("set_role", "disable", "enable", "remove", "reset_password", "remove_second_factor", "sign_out"),
    "place": ("choose",),
    "first_run": ("finish", "dismiss"),
}


@pytest.mark.parametrize("service", USE_CASES)
def test_services_refuse_too_when_a_page_forgets_to(web_context: WebContext, service: str) -> None:
    viewer = Actor(ActorKind.USER, "usr_carol", "carol", role="viewer")
    for name in USE_CASES[service]:
        use_case: Any = getattr(getattr(web_context.services, service), name)
        with audit.act_as(viewer), pytest.raises(Forbidden):
            use_case()  # refused before it looks at what it was given


UNGUARDED = {
    "Box.settle",  # the last step of a job that `resume` made
    "AlertNews.test",  # `Alerts.test` asks
    "OwnPassword.change",  # what is a person's own
    "SecondFactor.confirm",
    "SecondFactor.new_codes",
    "SecondFactor.remove",
    "SecretRotation.rewrite",  # the command line alone has it
}


def test_every_use_case_that_leaves_an_audit_entry_says_what_it_needs() -> None:
    found = {f"{path.stem}: {name}" for path in SERVICES.glob("*.py") for name in unguarded(path)}

    assert {one.partition(": ")[2] for one in found} <= UNGUARDED, found


def unguarded(path: Path) -> Iterator[str]:
    """Public methods that make an audit entry, without `@needs`."""
    for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(one, ast.ClassDef):
            yield from (f"{one.name}.{method.name}" for method in one.body if is_unguarded(method))


def is_unguarded(method: ast.stmt) -> bool:
    if not isinstance(method, ast.FunctionDef) or method.name.startswith("_"):
        return False
    return audits(method) and not any("needs" in ast.unparse(decorator) for decorator in method.decorator_list)


def audits(method: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Call) and ast.unparse(one.func) == "audit.entry" for one in ast.walk(method))
