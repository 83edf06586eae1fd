"""The workload of the crash test, a process of its own: writers that put two rows each and some that fail.

It tells the parent what was acknowledged by a line on standard output AFTER `write` returned, and goes on until it is
killed. `python -m tests.db.crash_writer DATABASE SEED`
"""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402
from gevent.threadpool import ThreadPool  # noqa: E402
from sqlalchemy import text  # noqa: E402
from sqlalchemy.orm import Session  # noqa: E402

from appliance.config.settings import DatabaseSettings  # noqa: E402
from appliance.db.database import Database  # noqa: E402

WRITERS = 12
FAILING = 0.2


class Refused(Exception):
    pass


def main(path: str, seed: int) -> None:
    database = Database(f"sqlite:///{path}", DatabaseSettings(), ThreadPool(1).apply)
    database.start()
    gevent.joinall([gevent.spawn(work, database, writer, random.Random(seed + writer)) for writer in range(WRITERS)])


def work(database: Database, writer: int, chance: random.Random) -> None:
    number = 0
    while True:
        number += 1
        name = f"{writer}-{number}"
        fails = chance.random() < FAILING
        try:
            database.write(lambda session, name=name, fails=fails: put_pair(session, name, fails))
            acknowledge(f"ok {name}")
        except Refused:
            acknowledge(f"failed {name}")
        if chance.random() < 0.3:
            gevent.sleep(chance.random() / 500)


def put_pair(session: Session, name: str, fails: bool) -> None:
    for half in "ab":
        session.execute(text("INSERT INTO pairs VALUES (:name, :half)"), {"name": name, "half": half})
        if fails:
            raise Refused


def acknowledge(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
