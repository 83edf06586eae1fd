"""Writes that tests hand to a writer, good ones and bad ones."""

from collections.abc import Callable
from typing import Any

import gevent
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import Flag
from appliance.db.writer import GroupCommitWriter
from appliance.errors import StorageUnavailable
from tests.fakes import NOON

Write = Callable[[Session], Any]


class Broken(Exception):
    pass


def put(name: str) -> Write:
    def write(session: Session) -> str:
        session.add(Flag(name=name, value=1, changed_at=NOON))
        return name

    return write


def put_then_break(name: str) -> Write:
    def write(session: Session) -> None:
        session.add(Flag(name=name, value=1, changed_at=NOON))
        session.flush()
        raise Broken(name)

    return write


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Flag.name).order_by(Flag.name)))


def at_once(database: Database, *writes: Write) -> list[Any]:
    """All of them in one batch; gives the result or the error of each."""

    def run(write: Write) -> Any:
        try:
            return database.write(write)
        except (Broken, IntegrityError, StorageUnavailable) as error:
            return error

    greenlets = [gevent.spawn(run, write) for write in writes]
    gevent.joinall(greenlets, raise_error=True)
    return [greenlet.value for greenlet in greenlets]


def group_writer(database: Database) -> GroupCommitWriter:
    assert isinstance(database.writer, GroupCommitWriter)
    return database.writer
