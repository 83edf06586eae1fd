from appliance.db.database import Database
from appliance.db.models import Template, TemplateVersion
from appliance.db.models.base import insert_rows
from appliance.db.queries import messages, templates
from appliance.db.queries.messages import Filters
from tests.factories import add_message
from tests.fakes import NOON


def add(database: Database, template_id: str, slug: str, *, deleted: bool = False, versions: int = 0) -> None:
    row = {"id": template_id, "slug": slug, "name": slug, "version": versions, "created_at": NOON, "updated_at": NOON}
    rows = [
        {"template_id": template_id, "number": number, "subject": "x", "variables": [], "locales": {}}
        | {"author": "alice", "reason": "", "created_at": NOON}
        for number in range(1, versions + 1)
    ]
    database.write(
        lambda session: (
            insert_rows(session, Template, row | {"deleted_at": NOON if deleted else None}),
            insert_rows(session, TemplateVersion, *rows),
        )
    )


def test_pages_go_on_where_they_ended_and_leave_out_what_is_deleted(database: Database) -> None:
    for number in range(5):
        add(database, f"tpl_{number}", f"t{number}", deleted=number == 2)

    with database.read() as session:
        first, after = templates.page(session, limit=3)
        second, end = templates.page(session, after=after, limit=3)

    assert [one.slug for one in (*first, *second)] == ["t0", "t1", "t3", "t4"]
    assert end is None


def test_versions_come_newest_first(database: Database) -> None:
    add(database, "tpl_1", "invoice", versions=5)

    with database.read() as session:
        first, before = templates.versions(session, "tpl_1", limit=3)
        second, end = templates.versions(session, "tpl_1", before=before, limit=3)

    assert [one.number for one in (*first, *second)] == [5, 4, 3, 2, 1]
    assert end is None


def test_messages_are_found_by_the_slug_also_of_a_template_that_is_deleted(database: Database) -> None:
    add(database, "tpl_1", "invoice", deleted=True)
    add(database, "tpl_2", "invoice")
    add(database, "tpl_3", "welcome")
    ids = {
        template: database.write(lambda session, template=template: add_message(session, template_id=template))
        for template in ("tpl_1", "tpl_2", "tpl_3", None)
    }

    with database.read() as session:
        by_slug = {one.id for one in messages.page(session, Filters(template="invoice")).items}
        by_id = {one.id for one in messages.page(session, Filters(template="tpl_1")).items}
        detail = messages.detail(session, ids["tpl_1"])

    assert by_slug == {ids["tpl_1"], ids["tpl_2"]}
    assert by_id == {ids["tpl_1"]}
    assert detail is not None
    assert detail.template_slug == "invoice"
