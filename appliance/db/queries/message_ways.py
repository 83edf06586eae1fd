"""Ways to messages: for a filter, the index that knows them, newest first. `thinnest` chooses one for a search.

A database plans a query by what it guesses of the data, and a wrong guess reads a million rows. So the way is chosen
here, by counting a few entries of each index, and everything else is asked of each message that comes along it.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, literal_column, select, table, union
from sqlalchemy.orm import Session

from appliance.db.models import DeliveryAttempt, Message, MessageSearch, MessageTag, Recipient
from appliance.db.models.message_search import SUBJECT_INDEX, WAITS
from appliance.db.queries import templates
from appliance.db.queries.message_filters import Filters, address_like, contains, is_beginning, names
from appliance.db.subject_text import matching, searchable
from appliance.db.types import number_of

GLANCE = 300  # messages by which ways are compared
MOST_NAMED = 1_000  # messages of one request id, which a batch has in common
MOST_SORTED = 10_000  # messages that are put in order to make a way of them


@dataclass(frozen=True, slots=True)
class Window:
    """Ids below `before`, from `first` to `last`; None: without that bound."""

    before: str | None = None
    first: str | None = None
    last: str | None = None

    def of(self, ids: Any) -> list[ColumnElement[bool]]:
        return self._within(ids, str)

    def of_numbers(self, numbers: Any) -> list[ColumnElement[bool]]:
        """Raises ValueError: a bound is no id."""
        return self._within(numbers, number_of)

    def up_to(self, before: str) -> "Window":
        return replace(self, before=before)

    def _within(self, column: Any, as_value: Callable[[str], Any]) -> list[ColumnElement[bool]]:
        bounds = ((self.before, operator.lt), (self.first, operator.ge), (self.last, operator.le))
        return [compare(column, as_value(bound)) for bound, compare in bounds if bound is not None]


Path = Callable[[Window, int], Select[Any]]
"""The newest so many ids of a window, of the messages that one entry of an index names."""


@dataclass(frozen=True, slots=True)
class Way:
    """`answers` is the field of the filters that need not be asked again along it."""

    answers: str
    paths: tuple[Path, ...]

    def ids(self, window: Window, most: int) -> Subquery:
        """The newest ids along it, in a column `id`."""
        if len(self.paths) == 1:
            return self.paths[0](window, most).subquery()
        each = union(*(select(path(window, most).subquery().c.id) for path in self.paths)).subquery()
        return select(each.c.id).order_by(each.c.id.desc()).limit(most).subquery()

    def glance(self, session: Session, window: Window) -> "_Glance":
        along = self.ids(window, GLANCE)
        return _Glance(*session.execute(select(func.count(), func.min(along.c.id), func.max(along.c.id))).one())


@dataclass(frozen=True, slots=True)
class _Glance:
    """The newest GLANCE messages of a way, or all that there are."""

    seen: int
    oldest: str | None
    newest: str | None

    def thinness(self) -> tuple[bool, int]:
        """Sorts ways: those with few messages by how many, then the others by how far apart their newest ones are."""
        if self.seen < GLANCE or self.oldest is None or self.newest is None:
            return False, self.seen
        return True, number_of(self.oldest) - number_of(self.newest)


def thinnest(session: Session, filters: Filters, window: Window) -> tuple[Way, Window]:
    """The way on which the fewest messages have to be asked for everything else, and where on it to begin."""
    ways = list(_ways(session, filters))
    if len(ways) < 2:
        return (ways[0] if ways else Way("", (_path(Message.id),))), window
    glances = [way.glance(session, window) for way in ways]
    begin = min(glance.newest or "" for glance in glances)  # before the newest of one way, none is on all
    best = min(range(len(ways)), key=lambda number: glances[number].thinness())
    return ways[best], replace(window, last=begin)


def _ways(session: Session, filters: Filters) -> Iterator[Way]:
    for name, paths_of in _PATHS.items():
        if filters.asks(name) and (paths := paths_of(session, getattr(filters, name))) is not None:
            yield Way(name, tuple(paths))


def _path(ids: Any, *conditions: ColumnElement[bool]) -> Path:
    """Along an index whose entries under `conditions` are in the order of `ids`."""

    def path(window: Window, most: int) -> Select[Any]:
        query = select(ids.label("id")).where(*conditions, *window.of(ids))
        return query.order_by(ids.desc()).limit(most)

    return path


def _path_once(ids: Any, *conditions: ColumnElement[bool]) -> Path:
    """The same, where an index may name a message several times."""

    def path(window: Window, most: int) -> Select[Any]:
        query = select(ids.label("id")).where(*conditions, *window.of(ids))
        return query.group_by(ids).order_by(ids.desc()).limit(most)

    return path


def _recipient(session: Session, wanted: str) -> list[Path] | None:
    """The beginning of an address may be that of half of all addresses, and their messages are in no order."""
    like = address_like(wanted)
    if is_beginning(wanted):
        some = select(Recipient.id).where(like).limit(MOST_SORTED).subquery()
        if session.scalar(select(func.count()).select_from(some)) == MOST_SORTED:
            return None
    return [_path_once(Recipient.message_id, like)]


def _tag(_session: Session, tag: str) -> list[Path]:
    return [_path(MessageTag.message_id, MessageTag.tag == tag)]


def _template(session: Session, wanted: str) -> list[Path]:
    ids = session.scalars(templates.ids_of(wanted)).all()
    return [_path(Message.id, Message.template_id == one) for one in ids or [""]]


def _account(_session: Session, account_id: str) -> list[Path]:
    return [
        _path(Message.id, Message.account_id == account_id),
        _path_once(DeliveryAttempt.message_id, DeliveryAttempt.account_id == account_id),
    ]


def _key(_session: Session, key: str) -> list[Path]:
    return [_path(Message.id, Message.api_key_id == key)]


def _reason(_session: Session, reason: str) -> list[Path]:
    return [_path(Message.id, Message.reason == reason, Message.reason != "")]  # as the index has it


def _status(_session: Session, status: tuple[str, ...]) -> list[Path]:
    return [_path(Message.id, Message.status == one) for one in status]


def _subject(session: Session, part: str) -> list[Path] | None:
    """None on a database server, which has no trigrams, and for one or two letters."""
    trigrams = matching(searchable(part))
    if trigrams is None or session.get_bind().dialect.name != "sqlite":
        return None
    waiting = [_path_to_waiting(part)] if MessageSearch.any_waiting(session) else []
    return [_path_by_trigrams(trigrams, part), *waiting]


def _q(session: Session, words: str) -> list[Path] | None:
    """Without trigrams, the id of a message is taken for nothing else: it would be found only on its page."""
    paths = _subject(session, words)
    named = [id_ for name in names(words) for id_ in session.scalars(select(Message.id).where(name).limit(MOST_NAMED))]
    if named:
        return [*(paths or []), _path(Message.id, Message.id.in_(named))]
    return paths


def _path_by_trigrams(trigrams: str, part: str) -> Path:
    index = table(SUBJECT_INDEX)
    number: Any = literal_column(f"{SUBJECT_INDEX}.rowid")

    def path(window: Window, most: int) -> Select[Any]:
        query = select(MessageSearch.message_id.label("id")).select_from(index)
        query = query.join(MessageSearch, MessageSearch.number == number)
        query = query.where(literal_column(SUBJECT_INDEX).op("MATCH")(trigrams), contains(part))
        return query.where(*_numbers(window, number)).order_by(number.desc()).limit(most)

    return path


def _path_to_waiting(part: str) -> Path:
    """What the index has not taken up yet: few, unless a great many came at once."""

    def path(window: Window, most: int) -> Select[Any]:
        query = select(MessageSearch.message_id.label("id")).where(WAITS, contains(part))
        query = query.where(*_numbers(window, MessageSearch.number))
        return query.order_by(MessageSearch.number.desc()).limit(most)

    return path


def _numbers(window: Window, number: Any) -> list[ColumnElement[bool]]:
    try:
        return window.of_numbers(number)
    except ValueError:  # what came from an address bar
        return window.of(MessageSearch.message_id)


_PATHS: Mapping[str, Callable[[Session, Any], list[Path] | None]] = {
    "recipient": _recipient,
    "q": _q,
    "subject": _subject,
    "template": _template,
    "reason": _reason,
    "tag": _tag,
    "account": _account,
    "key": _key,
    "api_key_id": _key,
    "status": _status,
}
