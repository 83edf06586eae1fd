"""What only a database server refuses: the pages are asked with one behind them."""

from collections.abc import Iterator

import pytest
from flask import Flask
from pydantic import SecretStr

from appliance.bootstrap import Core, build_core, open_database, prepared_data_directory
from appliance.config.settings import Settings
from tests.services_up import needs_postgres
from tests.web.conftest import MakePerson, submit

pytestmark = [pytest.mark.postgres, needs_postgres]


@pytest.fixture
def core(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Core]:
    url = SecretStr(request.getfixturevalue("postgres_database").url)
    settings = settings.model_copy(update={"database": settings.database.model_copy(update={"url": url})})
    data_dir = prepared_data_directory(settings)
    database = open_database(settings)
    try:
        yield build_core(settings, data_dir, database)
    finally:
        database.stop()


def test_a_nul_that_no_database_takes_is_no_fault_of_ours(app: Flask, make_person: MakePerson) -> None:
    alice = make_person("alice", "administrator")
    shown = [
        rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.") and "GET" in (rule.methods or ())
    ]
    assert len(shown) > 30
    bad = []
    for rule in shown:
        if "flower" in rule.endpoint:
            continue
        nul = {name: "\0" for name in rule.arguments if "int" not in type(rule._converters[name]).__name__.lower()}
        built = rule.build({**dict.fromkeys(rule.arguments, 1), **nul}, append_unknown=False)
        assert built is not None
        for query in ("", "?q=%00&recipient=%00&subject=%00&account=%00&tag=%00&template=%00&target=%00&action=%00&actor=%00&copy=%00&key=%00"):
            answer = alice.get(built[1] + query, headers={"Accept": "text/html"})
            if answer.status_code >= 500:
                bad.append((built[1] + query, answer.status_code))
    assert bad == []
