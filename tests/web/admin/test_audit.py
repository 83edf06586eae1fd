"""The audit as people read it."""

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import AuditEntry
from appliance.db.models.audit_entry import ActorKind
from appliance.services import audit
from appliance.services.audit import Actor

BOB = Actor(ActorKind.USER, "usr_bob", "bob", "192.0.2.7", "req_bob")


def note(core: Core, action: str = "key.created", target: str = "key_1", actor: Actor = BOB) -> str:
    with audit.act_as(actor):
        row = audit.entry(action, target, {"name": "A <b>program</b>", "scopes": ["send"]}, utc_now())
    core.database.write(lambda session: AuditEntry.note(session, row))
    return str(row["id"])


def rows(page: str) -> int:
    return page.partition("<tbody>")[2].count("<tr>")


def test_before_anything_was_changed_the_page_says_so(alice: FlaskClient) -> None:
    assert "Nothing was changed yet." in alice.get("/audit").text


def test_a_change_is_told_with_who_and_where(alice: FlaskClient, core: Core) -> None:
    entry = note(core)

    page = alice.get("/audit").text
    assert "bob" in page
    assert "192.0.2.7" in page
    detail = alice.get(f"/audit/{entry}").text
    assert "A &lt;b&gt;program&lt;/b&gt;" in detail
    assert "<dt>Scopes</dt><dd>send</dd>" in detail
    assert 'href="/logs?request_id=req_bob"' in detail


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"actor": "bob"}, 2),
        ({"actor": "usr_bob"}, 2),
        ({"action": "key."}, 2),
        ({"action": "key.revoked"}, 1),
        ({"target": "tpl_1"}, 1),
        ({"target": "key_1", "actor": "carol"}, 0),
        ({"since": "2000-01-01"}, 3),
        ({"since": "2100-01-01T08:30"}, 0),
        ({"until": "2000-01-01"}, 0),
        ({"since": "nonsense"}, 3),
    ],
)
def test_filters(alice: FlaskClient, core: Core, query: dict[str, str], found: int) -> None:
    note(core)
    note(core, "key.revoked")
    note(core, "template.changed", "tpl_1", Actor(ActorKind.USER, "usr_carol", "carol"))

    assert rows(alice.get("/audit", query_string=query).text) == found


def test_pages_lead_on_and_keep_their_filter(alice: FlaskClient, core: Core) -> None:
    for _ in range(51):
        note(core)
    note(core, "template.changed", "tpl_1")

    page = alice.get("/audit?action=key.created").text
    assert rows(page) == 50
    older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert rows(alice.get(older).text) == 1


def test_an_entry_that_is_not_there_is_a_404(alice: FlaskClient) -> None:
    assert alice.get("/audit/aud_1").status_code == 404
