"""Measures retention: `.venv/bin/python -m tests.bench.retention` (`--help` has the options).

How long it takes to remove old messages, how much smaller the file gets, and how long others wait meanwhile: somebody
who writes a little all the time, and the event loop. Figures stand in docs/performance.md.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from datetime import timedelta  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
from sqlalchemy.orm import Session  # noqa: E402

from appliance.bootstrap.core import SLOW_POOL, WRITE_POOL  # noqa: E402
from appliance.clock import utc_now  # noqa: E402
from appliance.config.settings import DatabaseSettings, RetentionSettings  # noqa: E402
from appliance.db.database import Database  # noqa: E402
from appliance.db.migrations import migrate  # noqa: E402
from appliance.db.models import DeliveryAttempt, Flag, Message, MessageBody, MessageSearch, MessageTag, Recipient  # noqa: E402
from appliance.db.models.base import insert_rows  # noqa: E402
from appliance.db.models.message import MessageStatus  # noqa: E402
from appliance.db.space import DatabaseSpace  # noqa: E402
from appliance.db.types import new_id, number_of  # noqa: E402
from appliance.services.retention import Retention  # noqa: E402

STEP = 1000
BODY = "All work and no play makes a dull benchmark.\n" * 90
MEBI = 1024 * 1024


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "postroom.db"
        database = Database(f"sqlite:///{file}", DatabaseSettings(), WRITE_POOL.apply)
        migrate(database.engine)
        database.start()
        try:
            _fill(database, options.messages)
            space = DatabaseSpace(database, SLOW_POOL.apply)
            clock = lambda: utc_now() + timedelta(days=31)  # noqa: E731 - everything there is has become old
            retention = Retention(database, space, RetentionSettings(), remove_files=lambda: 0, clock=clock)
            _measure(database, file, retention, options.messages)
            if options.vacuum:
                _measure_vacuum(database, file, space, options.messages)
        finally:
            database.stop()


def _measure(database: Database, file: Path, retention: Retention, messages: int) -> None:
    _row("file before", f"{file.stat().st_size / MEBI:.0f} MiB, {file.stat().st_size / messages:.0f} bytes a message")
    with _others(database) as waits:
        _row("preview", f"{_seconds(retention.preview):.1f} s")
    _tell("others during the preview", waits)
    with _others(database) as waits:
        seconds = _seconds(retention.run)
    _row(f"run over {messages} messages", f"{seconds:.1f} s, {messages / seconds:.0f} messages/s")
    _tell("others during the run", waits)
    _row("file after", f"{file.stat().st_size / MEBI:.1f} MiB")
    _row("run with nothing to do", f"{_seconds(retention.run) * 1000:.0f} ms")


def _measure_vacuum(database: Database, file: Path, space: DatabaseSpace, messages: int) -> None:
    """What `compact` spares those who can stop the appliance, and nobody else."""
    _fill(database, messages)
    size = file.stat().st_size
    _row(f"VACUUM of {size / MEBI:.0f} MiB, everybody waits", f"{_seconds(space.rewrite):.1f} s")


def _fill(database: Database, count: int) -> None:
    for start in range(0, count, STEP):
        ids = [new_id("msg") for _ in range(min(STEP, count - start))]
        database.write(lambda session, ids=ids: _insert(session, ids))


def _insert(session: Session, ids: list[str]) -> None:
    now = utc_now()
    message = {
        "status": MessageStatus.SENT,
        "priority": 1,
        "subject": "Your invoice of this month is ready",
        "reply_to": [],
        "headers": {},
        "tags": ["invoice"],
        "metadata": {"invoice": 1041},
        "size": len(BODY),
        "created_at": now,
        "finished_at": now,
        "attempts": 1,
    }
    attempt = {
        "number": 1,
        "claim_id": new_id("clm"),
        "account_id": "acc_1",
        "account_name": "Shop",
        "server": "smtp.example.com:587",
        "stage": "data",
        "outcome": "sent",
        "reply_code": 250,
        "reply_text": "2.0.0 Ok: queued as 4B2C1",
        "started_at": now,
    }
    outcome = {"status": "sent", "reply_code": 250, "reply_text": attempt["reply_text"], "finished_at": now}
    insert_rows(session, Message, *({**message, "id": one, "rfc_message_id": f"<{one}@box.example>"} for one in ids))
    insert_rows(session, MessageBody, *({"message_id": one, "text": BODY, "html": None} for one in ids))
    insert_rows(session, MessageTag, *({"message_id": one, "tag": "invoice"} for one in ids))
    insert_rows(session, DeliveryAttempt, *({**attempt, "message_id": one} for one in ids))
    to = ({**outcome, "message_id": one, "kind": "to", "email": f"{one}@example.com", "name": ""} for one in ids)
    insert_rows(session, Recipient, *to)
    text = str(message["subject"]).lower()
    MessageSearch.add(session, [{"number": number_of(one), "message_id": one, "text": text} for one in ids])
    MessageSearch.take_up(session, len(ids))


@contextmanager
def _others(database: Database) -> Iterator[tuple[list[float], list[float]]]:
    """Somebody who writes a little every 5 ms, and a heart that should beat every 5 ms: how long each waited."""
    writes: list[float] = []
    beats: list[float] = []
    at_work = [gevent.spawn(_repeat, lambda: _write(database), writes), gevent.spawn(_repeat, lambda: None, beats)]
    yield writes, beats
    gevent.killall(at_work)


def _repeat(work: Callable[[], None], waits: list[float]) -> None:
    while True:
        began = time.perf_counter()
        gevent.sleep(0.005)
        late = time.perf_counter() - began - 0.005
        began = time.perf_counter()
        work()
        waits.append(late + time.perf_counter() - began)


def _write(database: Database) -> None:
    database.write(lambda session: session.merge(Flag(name="bench", value=time.time(), changed_at=utc_now())) and None)


def _tell(name: str, waits: tuple[list[float], list[float]]) -> None:
    writes, beats = (sorted(one) for one in waits)
    _row(
        f"{name}, a write p50 / p99 / longest",
        " / ".join(f"{_share(writes, one) * 1000:.0f}" for one in SHARES) + " ms",
    )
    _row(
        f"{name}, the loop p99 / longest", " / ".join(f"{_share(beats, one) * 1000:.0f}" for one in SHARES[1:]) + " ms"
    )


SHARES = (0.5, 0.99, 1.0)


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(name: str, figure: str) -> None:
    print(f"{name:60} {figure}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure retention.")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--vacuum", action="store_true", help="also how long a VACUUM takes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
