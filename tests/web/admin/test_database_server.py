"""What only a database server refuses: the pages are asked with one behind them."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from flask import Flask
from pydantic import SecretStr
from werkzeug.routing import IntegerConverter, Rule

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.config.settings import Settings
from appliance.db.database import Database
from tests.services_up import needs_postgres
from tests.web.conftest import MakePerson

pytestmark = [pytest.mark.postgres, needs_postgres]

FILTERS = ("q", "recipient", "subject", "account", "tag", "template", "target", "action", "actor", "copy", "key")


@pytest.fixture
def core(settings: Settings, postgres_database: Database) -> Iterator[Core]:
    on_a_server = settings.database.model_copy(update={"url": SecretStr(postgres_database.url)})
    settings = settings.model_copy(update={"database": on_a_server})
    data_dir = prepared_data_directory(settings)
    database = open_database(settings)
    try:
        yield build_core(settings, data_dir, database)
    finally:
        database.stop()


def with_nul(rule: Rule) -> str:
    """The address of a page, with a NUL wherever a text can stand in it."""
    numbers = {name for name, one in rule._converters.items() if isinstance(one, IntegerConverter)}
    built = rule.build({name: 1 if name in numbers else "\0" for name in rule.arguments}, append_unknown=False)
    assert built is not None
    return built[1]


def test_a_nul_in_an_address_is_refused_on_every_page(app: Flask, make_person: MakePerson) -> None:
    alice = make_person("alice", "administrator")
    pages = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "GET" in (rule.methods or ()) and "flower" not in rule.endpoint
    ]
    assert len(pages) > 30
    filters = "&".join(f"{name}=%00" for name in FILTERS)

    for rule in pages:
        answer = alice.get(f"{with_nul(rule)}?{filters}", headers={"Accept": "text/html"})
        assert answer.status_code == HTTPStatus.BAD_REQUEST, rule
        assert alice.get(with_nul(rule)).status_code < HTTPStatus.INTERNAL_SERVER_ERROR, rule
