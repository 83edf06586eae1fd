import gevent
import pytest

from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.db.models import TemplateVersion
from appliance.db.queries import templates
from appliance.errors import Conflict, InvalidInput, NotFound, WrongState
from appliance.services.templates import Templates
from tests.fakes import FakeClock
from tests.services.templates import template_form
from tests.services_up import needs_postgres


@pytest.fixture
def service(database: Database, clock: FakeClock) -> Templates:
    return Templates(database, LimitsSettings(), run_native=lambda fn: fn(), clock=clock)


def history(database: Database, slug: str = "invoice") -> list[TemplateVersion]:
    """The oldest first."""
    with database.read() as session:
        template = templates.by_slug(session, slug)
        assert template is not None
        found, _ = templates.versions(session, template.id)
        assert template.version == found[0].number
    return list(reversed(found))


def test_creating_stores_version_1_once(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice", reason="First draft")

    [version] = history(database)
    assert (version.number, version.author, version.reason) == (1, "alice", "First draft")
    assert (version.subject, version.text) == ("Invoice {{ number }}", None)
    assert [one["name"] for one in version.variables] == ["name", "number"]


def test_first_change_makes_version_2_with_its_own_author_and_reason(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice", reason="First draft")

    assert service.change("invoice", template_form(subject="Bill"), author="bob", reason="Shorter")

    assert [(one.number, one.subject, one.author, one.reason) for one in history(database)] == [
        (1, "Invoice {{ number }}", "alice", "First draft"),
        (2, "Bill", "bob", "Shorter"),
    ]


def test_saving_the_same_makes_no_version(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice")

    assert not service.change("invoice", template_form(), author="bob", reason="nothing")
    assert len(history(database)) == 1


def test_new_name_alone_makes_no_version(service: Templates, database: Database, clock: FakeClock) -> None:
    service.create("invoice", template_form(), author="alice")
    clock.advance(hours=1)

    assert not service.change("invoice", template_form(name="Bill"), author="bob")

    with database.read() as session:
        template = templates.by_slug(session, "invoice")
        assert template is not None
        assert (template.name, template.version, template.updated_at) == ("Bill", 1, clock())


def test_rolling_back_makes_a_new_version_with_its_reason(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice")
    service.change("invoice", template_form(subject="Bill"), author="alice")

    number = service.roll_back("invoice", 1, author="bob", reason="It was better")

    newest = history(database)[-1]
    assert (number, newest.number, newest.subject) == (3, 3, "Invoice {{ number }}")
    assert (newest.author, newest.reason) == ("bob", "It was better")


def test_rolling_back_without_a_reason_says_where_to(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice")
    service.change("invoice", template_form(subject="Bill"), author="alice")
    service.roll_back("invoice", 1, author="bob")

    assert history(database)[-1].reason == "Back to version 1."


def test_rolling_back_to_what_it_says_already_is_refused(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice")

    with pytest.raises(WrongState, match="Nothing was changed"):
        service.roll_back("invoice", 1, author="bob")

    assert len(history(database)) == 1


def test_rolling_back_to_what_there_never_was_is_refused(service: Templates) -> None:
    service.create("invoice", template_form(), author="alice")

    with pytest.raises(NotFound):
        service.roll_back("invoice", 7, author="bob")


def test_change_from_an_old_version_is_a_conflict(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice")
    service.change("invoice", template_form(subject="Bill"), author="alice", base_version=1)

    with pytest.raises(Conflict, match="at version 2"):
        service.change("invoice", template_form(subject="Mine"), author="bob", base_version=1)

    assert history(database)[-1].subject == "Bill"


def test_slug_is_taken_until_its_template_is_deleted(service: Templates, database: Database) -> None:
    first = service.create("invoice", template_form(), author="alice")
    with pytest.raises(Conflict, match="There is a template 'invoice' already"):
        service.create("invoice", template_form(), author="bob")

    service.delete("invoice")
    second = service.create("invoice", template_form(subject="Another"), author="bob")
    service.delete("invoice")
    third = service.create("invoice", template_form(), author="bob")

    assert len({first, second, third}) == 3
    with database.read() as session:
        version = templates.version(session, first, 1)
        assert version is not None
        assert templates.slug_of(session, first) == "invoice"


def test_deleted_template_is_not_there(service: Templates) -> None:
    service.create("invoice", template_form(), author="alice")
    service.delete("invoice")

    with pytest.raises(NotFound):
        service.delete("invoice")
    with pytest.raises(NotFound):
        service.change("invoice", template_form(), author="alice")
    with pytest.raises(NotFound):
        service.roll_back("invoice", 1, author="alice")


def test_what_is_wrong_is_not_stored(service: Templates, database: Database) -> None:
    with pytest.raises(InvalidInput):
        service.create("invoice", template_form(html="{{ nobody }}"), author="alice")
    with pytest.raises(InvalidInput):
        service.create("In Voice", template_form(), author="alice")

    with database.read() as session:
        assert templates.page(session)[0] == []


def assert_changes_at_once_make_a_version_each(service: Templates, database: Database) -> None:
    service.create("invoice", template_form(), author="alice")

    def change(number: int) -> bool:
        try:
            return service.change("invoice", template_form(subject=f"Bill {number}"), author="bob")
        except Conflict:
            return False

    changes = [gevent.spawn(change, number) for number in range(10)]
    gevent.joinall(changes, raise_error=True)

    made = sum(change.value for change in changes)
    assert [one.number for one in history(database)] == list(range(1, made + 2))


def test_changes_at_once_make_a_version_each(service: Templates, database: Database) -> None:
    assert_changes_at_once_make_a_version_each(service, database)


@needs_postgres
@pytest.mark.postgres
def test_changes_at_once_make_a_version_each_on_postgresql(postgres_database: Database, clock: FakeClock) -> None:
    service = Templates(postgres_database, LimitsSettings(), run_native=lambda fn: fn(), clock=clock)

    assert_changes_at_once_make_a_version_each(service, postgres_database)


@needs_postgres
@pytest.mark.postgres
def test_creations_at_once_make_one_template_on_postgresql(postgres_database: Database, clock: FakeClock) -> None:
    service = Templates(postgres_database, LimitsSettings(), run_native=lambda fn: fn(), clock=clock)

    def create() -> bool:
        try:
            return bool(service.create("invoice", template_form(), author="alice"))
        except Conflict:
            return False

    creations = [gevent.spawn(create) for _ in range(10)]
    gevent.joinall(creations, raise_error=True)

    assert sum(creation.value for creation in creations) == 1
