from appliance.db.database import Database
from appliance.db.models import Template
from appliance.db.models.base import insert_rows
from appliance.db.queries import templates
from tests.fakes import NOON


def add(database: Database, template_id: str = "tpl_1", slug: str = "invoice") -> None:
    row = {"id": template_id, "slug": slug, "name": "Invoice", "version": 1, "created_at": NOON, "updated_at": NOON}
    database.write(lambda session: insert_rows(session, Template, row))


def test_only_one_of_two_advances_from_the_same_version(database: Database) -> None:
    add(database)

    first, second = (
        database.write(lambda session: Template.advance(session, "tpl_1", known=1, now=NOON)) for _ in range(2)
    )

    assert (first, second) == (True, False)
    with database.read() as session:
        template = templates.by_slug(session, "invoice")
        assert template is not None
        assert template.version == 2


def test_deleted_template_neither_advances_nor_is_deleted_again(database: Database) -> None:
    add(database)

    assert database.write(lambda session: Template.delete(session, "tpl_1", now=NOON))

    assert not database.write(lambda session: Template.delete(session, "tpl_1", now=NOON))
    assert not database.write(lambda session: Template.advance(session, "tpl_1", known=1, now=NOON))
