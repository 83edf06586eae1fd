"""Every route is shut unless it stands on the list of open ones here."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from appliance.services.api_keys import SCOPES
from appliance.web.api.authentication import ANY

OPEN = {
    "static",
    "bootstrap.static",
    "openapi.static",
    "swagger.static",
    "assets.chart_static",
    "languages.choose",
    "setup.show",
    "setup.submit",
    "sign_in.show",
    "sign_in.submit",
    "sign_in.code",
    "sign_in.submit_code",
    "sign_in.sign_out",
    "health.show",
    "health.live",
    "health.ready",
    "error_docs.index",  # whoever meets an error may have no account
    "error_docs.show",
    "openapi.doc_url",  # what requests look like is no secret
    "openapi.openapi",  # lead to /api/docs, which asks
    "swagger.swagger",
    "swagger.oauth2-redirect",
}


def shut(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in OPEN]


def path_of(rule: Rule) -> str:
    built = rule.build(dict.fromkeys(rule.arguments, 1), append_unknown=False)
    assert built is not None
    return built[1]


def test_every_open_route_exists(app: Flask) -> None:
    assert set(app.view_functions) >= OPEN


def test_every_other_route_asks_who_is_there(app: Flask, client: FlaskClient, alice: FlaskClient) -> None:
    assert len(shut(app)) > 30
    for rule in shut(app):
        method = next(iter(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})))

        assert rule.endpoint.startswith(("admin.", "api.", "metrics.")), rule

        answer = client.open(path_of(rule), method=method)

        # a form without its token is refused before anybody is asked for
        assert answer.status_code in (302, 400, 401), (rule, method, answer.status_code)
        if answer.status_code == 302:
            assert answer.headers["Location"].startswith("/sign-in"), rule


def test_every_route_of_the_api_names_its_scope(app: Flask) -> None:
    rules = [rule for rule in shut(app) if rule.endpoint.startswith(("api.", "metrics."))]
    assert rules
    for rule in rules:
        assert getattr(app.view_functions[rule.endpoint], "scope", None) in (*SCOPES, ANY), rule


def test_any_scope_opens_what_a_key_may_know_of_itself_and_nothing_else(app: Flask) -> None:
    views = app.view_functions.items()

    assert {name for name, view in views if getattr(view, "scope", None) == ANY} == {"api.keys.show_own"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_page_changes_anything_without_its_token(app: Flask, alice: FlaskClient, method: str) -> None:
    for rule in shut(app):
        if method in (rule.methods or ()) and rule.endpoint.startswith("admin.") and "flower" not in rule.endpoint:
            assert alice.open(path_of(rule), method=method).status_code == 400, rule
