from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from appliance.db.database import Database
from appliance.db.models import Flag
from appliance.db.types import UtcDateTime, id_at, new_id, number_of
from tests.services_up import needs_postgres

ZONES = st.sampled_from([UTC, ZoneInfo("Asia/Shanghai"), ZoneInfo("America/St_Johns"), timezone(timedelta(hours=-11))])


class Dialect:
    def __init__(self, name: str) -> None:
        self.name = name


@given(
    moment=st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2999, 1, 1), timezones=ZONES),
    dialect=st.sampled_from(["sqlite", "postgresql"]),
)
def test_moment_comes_back_as_the_same_moment_in_utc(moment: datetime, dialect: str) -> None:
    column = UtcDateTime()

    stored = column.process_bind_param(moment, Dialect(dialect))  # type: ignore[arg-type]
    back = column.process_result_value(stored, Dialect(dialect))  # type: ignore[arg-type]

    assert back == moment.astimezone(UTC)
    assert back is not None
    assert back.tzinfo is UTC


def put_and_get(database: Database, moment: datetime) -> datetime:
    database.write(lambda session: session.add(Flag(name="m", value={"ü": [1, None]}, changed_at=moment)))
    with database.read() as session:
        flag = session.get(Flag, "m")
        assert flag is not None
        assert flag.value == {"ü": [1, None]}
        return flag.changed_at


MOMENT = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=ZoneInfo("Europe/Berlin"))


def test_sqlite_keeps_the_moment(database: Database) -> None:
    assert put_and_get(database, MOMENT) == datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


@needs_postgres
@pytest.mark.postgres
def test_postgresql_keeps_the_moment(postgres_database: Database) -> None:
    assert put_and_get(postgres_database, MOMENT) == datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def test_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        put_and_get(database, datetime(2026, 3, 10))


def test_no_moment_stays_none() -> None:
    column = UtcDateTime()

    assert column.process_bind_param(None, Dialect("sqlite")) is None  # type: ignore[arg-type]
    assert column.process_result_value(None, Dialect("sqlite")) is None  # type: ignore[arg-type]


def test_ids_are_unique_and_sort_by_age() -> None:
    ids = [new_id("msg") for _ in range(5000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == 5000


def test_ids_of_many_greenlets_are_unique() -> None:
    made = [gevent.spawn(lambda: [new_id("msg") for _ in range(200)]) for _ in range(20)]
    gevent.joinall(made, raise_error=True)

    assert len({one for greenlet in made for one in greenlet.value}) == 4000


def test_id_has_its_prefix_and_26_characters_that_are_hard_to_confuse() -> None:
    prefix, _, rest = new_id("acc").partition("_")

    assert (prefix, len(rest)) == ("acc", 26)
    assert set(rest) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_bound_of_a_moment_parts_ids_made_before_from_those_made_since() -> None:
    before = datetime.now(UTC)
    made = new_id("msg")
    after = datetime.now(UTC) + timedelta(milliseconds=1)

    assert id_at("msg", before) <= made < id_at("msg", after)
    assert len(id_at("msg", before)) == len(made)


@given(st.lists(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2999, 1, 1), timezones=ZONES)))
def test_bounds_sort_as_their_moments_do(moments: list[datetime]) -> None:
    assert [id_at("msg", one) for one in sorted(moments)] == sorted(id_at("msg", one) for one in moments)


def test_bound_of_a_moment_before_all_ids_is_the_first() -> None:
    assert id_at("msg", datetime(1900, 1, 1, tzinfo=UTC)) == "msg_" + "0" * 26


def test_numbers_of_ids_sort_as_the_ids_do_and_are_unique() -> None:
    numbers = [number_of(new_id("msg")) for _ in range(5000)]

    assert numbers == sorted(set(numbers))
    assert 0 < numbers[0] < numbers[-1] < 2**63


def test_text_that_is_no_id_has_no_number() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        number_of("msg_!")
