"""Measures an appliance that has a million messages: `.venv/bin/python -m tests.bench.million` (`--help` has options).

Fills a database, starts the real appliance on it with a server so slow that the backlog stays, and asks for lists with
each filter and with pairs of them; then lets it send, and sees how soon a message of high priority overtakes the rest.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, make_url

from appliance.clock import utc_now
from appliance.config.settings import DatabaseSettings, DispatcherSettings
from appliance.db.database import Database
from appliance.db.engine import create_database_engine
from appliance.db.migrations import migrate
from appliance.db.models import Message, SenderAccount
from appliance.services.outbox import Outbox
from tests.bench import filling
from tests.bench.batches import seconds_to_leave
from tests.bench.filling import Filling, fill
from tests.bench.load import Load, get
from tests.bench.watch import Watch
from tests.functional.processes import Appliance, Sink, listening, running

SLOW_SERVER_MS = 250_000.0  # an answer later than any of these measurements takes: the backlog stays
QUIET = {"LOG_LEVEL": "warning"}
Ask = Callable[[], Mapping[str, str]]


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.directory) as place, _database(options, Path(place)) as url:
        _migrate(url)
        began = time.perf_counter()
        filled = fill(url, options.messages, options.queued)
        _row(f"filled with {options.messages} messages", f"{time.perf_counter() - began:.0f} s", "")
        environment = QUIET | ({"DATABASE_URL": url} if options.database else {})
        empty = _memory_of_an_empty_one(Path(place), options.requests)
        for _ in range(options.runs):
            _measure_reading(Path(place), environment, url, filled, options.requests, empty)
            _measure_overtaking(Path(place), environment, url)
        _measure_claims(url, options.claims)


def _migrate(url: str) -> None:
    engine = create_database_engine(url, DatabaseSettings())
    migrate(engine)
    engine.dispose()


@contextmanager
def _database(options: argparse.Namespace, place: Path) -> Iterator[str]:
    """The URL of one that is empty: a file where the appliance looks for it, or a database of a server."""
    if not options.database:
        (place / "var").mkdir()
        yield f"sqlite:///{place / 'var' / 'postroom.db'}"
        return
    name = f"postroom_million_{random.getrandbits(32):x}"
    server = create_engine(options.database, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        yield make_url(options.database).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def _memory_of_an_empty_one(place: Path, requests: int) -> float:
    """After as many requests, for those leave something behind whatever is in the database. In MiB."""
    directory = place / "empty"
    directory.mkdir()
    with running(directory, QUIET) as appliance:
        key = appliance.local_token()
        for ask in _filters(Filling(), directory).values():
            get(appliance.port, key, [_path(ask()) for _ in range(requests)])
        return float(appliance.memory().pss) / 2**20


def _measure_reading(
    place: Path, environment: Mapping[str, str], url: str, filled: Filling, requests: int, empty: float
) -> None:
    with listening(place, SLOW_SERVER_MS) as sink:
        _send_through(url, sink)
        with running(place, environment) as appliance, Watch(appliance, 0.05) as watch:
            _row("boot to ready", f"{appliance.seconds_to_ready:.2f} s", "<= 3 s")
            for name, ask in _filters(filled, place).items():
                _measure_get(appliance, f"/messages, {name}", [_path(ask()) for _ in range(requests)])
            for path in ("/metrics", "/health", "/api/v1/system", "/api/v1/stats"):
                _measure_get(appliance, path, [path] * requests)
            memory = appliance.memory().pss / 2**20
            _row("PSS after all of it", f"{memory:.0f} MiB (empty: {empty:.0f})", f"<= {empty + 50:.0f} MiB")
        _row_of("somebody else meanwhile", watch.load(), "max <= 250 ms")
        blocked = [line for line in appliance.log_lines() if "event loop was blocked" in line]
        _row("event loop blocked for over 250 ms", f"{len(blocked)} times", "0")


def _measure_get(appliance: Appliance, name: str, paths: Sequence[str]) -> None:
    """Processor time is steadier than time by the clock, but some of it is the process's other work."""
    cpu = appliance.cpu_seconds()
    load = get(appliance.port, appliance.local_token(), paths)
    cpu = (appliance.cpu_seconds() - cpu) / len(paths)
    _row_of(f"GET {name}", load, f"cpu {cpu * 1000:4.1f} ms  p95 <= 50 ms")


def _filters(filled: Filling, place: Path) -> dict[str, Ask]:
    """Each asks for something else every time."""
    chance = random.Random(str(place.name == "empty"))
    now = datetime.now(UTC)

    def ago(**span: float) -> str:
        return (now - timedelta(**span)).isoformat()

    def one_of(some: list[str]) -> str:
        return chance.choice(some) if some else "none"

    def day(hours: float = 24) -> dict[str, str]:
        since = chance.uniform(3, filling.DAYS)
        return {"since": ago(days=since), "until": ago(days=since, hours=-hours)}

    def word() -> str:
        return chance.choice(filling.WORDS)

    def tag() -> str:
        return chance.choice(filling.TAGS[1:])

    return {
        "no filter": dict,
        "deep page": lambda: {"until": ago(days=chance.uniform(0, filling.DAYS))},
        "200 a page": lambda: {"limit": "200"},
        "status sent": lambda: {"status": "sent"},
        "status queued": lambda: {"status": "queued"},
        "status failed, held": lambda: {"status": "failed,held"},
        "recipient, an address": lambda: {"recipient": one_of(filled.addresses).upper()},
        "recipient, a beginning": lambda: {"recipient": one_of(filled.addresses)[: chance.randint(3, 12)]},
        "recipient, ann": lambda: {"recipient": "ann"},
        "recipient, a large domain": lambda: {"recipient": "@gmail.com"},
        "recipient, a small domain": lambda: {"recipient": f"@company{chance.randrange(25)}.example"},
        "tag of half of all": lambda: {"tag": filling.TAGS[0]},
        "tag": lambda: {"tag": tag()},
        "tag, rare": lambda: {"tag": filling.RARE_TAG},
        "account": lambda: {"account": one_of(filled.accounts)},
        "template": lambda: {"template": f"template-{chance.randrange(15)}"},
        "key": lambda: {"key": one_of(filled.keys)},
        "reason": lambda: {"reason": "refused"},
        "since": lambda: {"since": ago(days=chance.uniform(0, filling.DAYS))},
        "since and until": day,
        "q, common": lambda: {"q": word()},
        "q, hits early": lambda: {"q": filling.EARLY_WORD},
        "q, hits late": lambda: {"q": filling.LATE_WORD},
        "q, a number": lambda: {"q": str(chance.randrange(max(1, len(filled.ids))))},
        "q, no hit": lambda: {"q": f"{word()} {word()} {word()}"},
        "q, Chinese": lambda: {"q": "发票"},
        "q, Chinese, hits late": lambda: {"q": filling.LATE_CJK},
        "q, one character": lambda: {"q": "货"},
        "q, two letters": lambda: {"q": "zq"},
        "q, a message id": lambda: {"q": one_of(filled.ids)},
        "q, a request id": lambda: {"q": filling.OLD_REQUEST},
        "metadata, common": lambda: {"metadata.customer": f"c{chance.randrange(5000)}"},
        "metadata, old": lambda: {"metadata.order": str(chance.randrange(max(1, len(filled.ids) // 2)))},
        "status and tag": lambda: {"status": "failed", "tag": tag()},
        "status and rare tag": lambda: {"status": "failed", "tag": filling.RARE_TAG},
        "status and recipient": lambda: {"status": "sent", "recipient": "@qq.com"},
        "status and day": lambda: {"status": "failed", **day()},
        "status and q": lambda: {"status": "failed", "q": word()},
        "account and status": lambda: {"account": one_of(filled.accounts), "status": "failed"},
        "template and tag": lambda: {"template": f"template-{chance.randrange(15)}", "tag": tag()},
        "template and day": lambda: {"template": f"template-{chance.randrange(15)}", **day()},
        "key and q": lambda: {"key": one_of(filled.keys), "q": word()},
        "tag and q": lambda: {"tag": tag(), "q": "发票"},
        "recipient and q": lambda: {"recipient": f"@company{chance.randrange(25)}.example", "q": word()},
        "status and metadata": lambda: {"status": "sent", "metadata.customer": f"c{chance.randrange(5000)}"},
        "what excludes itself": lambda: {"status": "queued", "reason": "refused"},
    }


def _path(query: Mapping[str, str]) -> str:
    return f"/api/v1/messages?{urlencode(query)}"


def _send_through(url: str, sink: Sink) -> None:
    database = Database(url, DatabaseSettings())
    database.start()
    database.write(lambda session: session.query(SenderAccount).update({SenderAccount.port: sink.port}))
    database.stop()


def _measure_overtaking(place: Path, environment: Mapping[str, str], url: str) -> None:
    (place / "sink.log").unlink(missing_ok=True)
    with listening(place) as sink:
        _send_through(url, sink)
        with running(place, environment) as appliance:
            key = appliance.local_token()
            while sink.count() < 500:
                time.sleep(0.05)
            waits = [seconds_to_leave(appliance, sink, key, number) for number in range(10)]
            began, before = time.perf_counter(), sink.count()
            time.sleep(5)
            rate = (sink.count() - before) / (time.perf_counter() - began)
            left = appliance.request("GET", "/api/v1/system", key)[1]["messages"]["queued"]
    _row(f"high priority over {left} waiting, longest", f"{max(waits) * 1000:.0f} ms", "<= 1000 ms")
    _row("sent meanwhile", f"{rate:.0f} messages/s", "")


def _measure_claims(url: str, count: int) -> None:
    """With the commit, which waits for the disk; in a process of its own, so that nothing else runs in it."""
    database = Database(url, DatabaseSettings())
    database.start()
    outbox = Outbox(database, DispatcherSettings(), box_id="bench000", zone=ZoneInfo("UTC"), clock=utc_now)
    _claims("claim for one slot", outbox, 1, count)
    _claims("claim for four slots", outbox, 4, count)
    pinned = database.write(_pin_the_oldest)
    _claims(f"the same, {pinned} pinned to a full account", outbox, 4, count)
    database.stop()


def _claims(name: str, outbox: Outbox, slots: int, count: int) -> None:
    latencies, processor, claimed = [], [], 0
    for _ in range(count):
        began, cpu = time.perf_counter(), time.process_time()
        round_ = outbox.claim(slots, 0)
        latencies.append(time.perf_counter() - began)
        processor.append(time.process_time() - cpu)
        claimed += sum(len(claim.message_ids) for claim in round_.claims)
    _row_of(f"{name} ({claimed // count} messages)", Load(0, latencies, 0), "p50 <= 10 ms")
    _row("of it processor time, p50", f"{Load(0, processor, 0).percentile(0.5) * 1000:.1f} ms", "")


def _pin_the_oldest(session: Any) -> int:
    """All but 5,000 of the queued, to one that has no quota left."""
    first = (
        session.query(SenderAccount.id).filter(SenderAccount.id != "acc_mailbox").order_by(SenderAccount.id).limit(1)
    )
    account = first.scalar()
    session.query(SenderAccount).filter_by(id=account).update({SenderAccount.daily_limit: 0})
    queued = session.query(Message.id).filter_by(status="queued").order_by(Message.id.desc())
    border = queued.offset(5000).limit(1).scalar() or ""
    older = session.query(Message).filter(Message.status == "queued", Message.id < border)
    return int(older.update({Message.account_id: account}, synchronize_session=False))


def _row_of(name: str, load: Load, floor: str) -> None:
    figures = [load.percentile(0.5), load.percentile(0.95), max(load.latencies)]
    p50, p95, most = (f"{figure * 1000:.1f}" for figure in figures)
    _row(name, f"p50 {p50}  p95 {p95}  max {most} ms" + (f"  REFUSED {load.refused}" if load.refused else ""), floor)


def _row(name: str, figure: str, floor: str) -> None:
    print(f"{name:52} {figure:44} {floor}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure an appliance that has a million messages.")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=200, help="for each filter")
    parser.add_argument("--runs", type=int, default=1, help="over one database")
    parser.add_argument("--claims", type=int, default=30)
    parser.add_argument("--directory", help="where there is room for 3 GB; the usual temporary one unless given")
    parser.add_argument("--database", help="URL of a PostgreSQL server on which a database may be made")
    return parser.parse_args()


if __name__ == "__main__":
    main()
