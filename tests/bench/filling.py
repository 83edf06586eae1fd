"""Fills a database with messages as a small company sends them, by bulk inserts past all that a submission does."""

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Table, make_url

from appliance.db.models import (
    ApiKey,
    Base,
    DeliveryAttempt,
    Message,
    MessageBody,
    MessageSearch,
    MessageTag,
    Recipient,
    SenderAccount,
    Template,
)
from appliance.db.subject_text import searchable
from appliance.db.types import id_at, number_of

DAYS = 25  # younger than anything that retention takes
STEP = 10_000
TAGS = [f"tag-{number}" for number in range(40)]
RARE_TAG, LATE_WORD, EARLY_WORD, LATE_CJK = "very-rare", "Bicentennial", "Yesterday", "周年庆典"
OLD_REQUEST = "req_of_the_oldest_message"
WORDS = ["invoice", "order", "shipment", "account", "password", "report", "receipt", "renewal", "trial", "meeting"]
WORDS += ["refund", "ticket", "backup", "alert", "digest", "invitation", "reminder", "payment", "contract", "delivery"]
OPENINGS = ("Your {} {}", "{} {} is ready", "New {}: {}", "Re: {} #{}", "[Shop] {} {} confirmed", "Please see {} {}")
CJK = ("您的发票{}已开具", "订单{}已发货", "密码重置通知 {}", "每周报告 第{}期", "ご注文{}の確認", "안내: 주문 {}")
DOMAINS = ["gmail.com"] * 40 + ["qq.com"] * 15 + ["163.com"] * 10 + ["outlook.com"] * 10
FINISHED = ["sent"] * 930 + ["failed"] * 45 + ["partially_sent"] * 5 + ["suppressed"] * 10 + ["cancelled"] * 10
REASONS = {"failed": "refused", "partially_sent": "refused", "suppressed": "suppressed", "held": "paused"}
WAITING = {"deferred": 3000, "held": 3000, "scheduled": 3000}

Rows = dict[type[Base], list[dict[str, Any]]]


@dataclass
class Filling:
    """What was put into the database, for those who look for it."""

    accounts: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


def fill(url: str, messages: int, queued: int, *, port: int = 9) -> Filling:
    """`url` is that of a migrated database. `queued` of the messages are due, and the accounts send to `port`."""
    chance = random.Random(1)
    filling = Filling()
    store = _SqliteStore(url) if make_url(url).get_backend_name() == "sqlite" else _PostgresStore(url)
    now = datetime.now(UTC)
    store.put(_frame(filling, now, port))
    maker = _Maker(filling, chance, now, messages, queued)
    for start in range(0, messages, STEP):
        store.put(maker.rows(range(start, min(start + STEP, messages))))
    store.close()
    return filling


def _frame(filling: Filling, now: datetime, port: int) -> Rows:
    filling.accounts = [f"acc_{number:026d}" for number in range(10)]
    filling.keys = [f"key_{number:026d}" for number in range(8)]
    filling.templates = [f"tpl_{number:026d}" for number in range(15)]
    server = {"transport": "smtp", "host": "127.0.0.1", "port": port, "security": "none"}
    both = {"created_at": now, "updated_at": now}
    return {
        SenderAccount: [
            {"id": id_, "name": f"Account {id_[-2:]}", "email": f"from{id_[-2:]}@example.com", **server, **both}
            for id_ in filling.accounts
        ],
        ApiKey: [
            {"id": id_, "name": f"Key {id_[-1]}", "secret_hash": id_, "scopes": ["read"], "created_at": now}
            for id_ in filling.keys
        ],
        Template: [
            {"id": id_, "slug": f"template-{int(id_[-2:])}", "name": id_, "version": 1, **both}
            for id_ in filling.templates
        ],
    }


class _Maker:
    def __init__(self, filling: Filling, chance: random.Random, now: datetime, messages: int, queued: int) -> None:
        self._filling = filling
        self._chance = chance
        self._now = now
        self._count = messages
        self._queued = queued
        self._domains = DOMAINS + [f"company{number}.example" for number in range(25)]
        filling.addresses = [self._new_address(number) for number in range(max(1, messages // 4))]

    def rows(self, numbers: range) -> Rows:
        rows: Rows = {model: [] for model in _MESSAGE_TABLES}
        for number in numbers:
            for model, row in self._message(number):
                rows[model].append(row)
        return rows

    def _message(self, number: int) -> Iterator[tuple[type[Base], dict[str, Any]]]:
        chance, filling = self._chance, self._filling
        at = self._now - timedelta(days=DAYS) * ((self._count - number) / self._count)
        id_ = id_at("msg", at)[:-16] + "".join(chance.choices("0123456789abcdefghjkmnpqrstvwxyz", k=16))
        id_ = filling.ids[-1][:-5] + f"{number % 99999:05d}" if filling.ids and id_ <= filling.ids[-1] else id_
        filling.ids.append(id_)
        status, account = self._status(number), chance.choice(filling.accounts)
        subject, tags = self._subject(number), self._tags(number)
        yield Message, self._row(id_, number, at, status, subject, tags)
        yield MessageBody, {"message_id": id_, "text": f"Hello, this is about {subject}.", "html": None}
        yield MessageSearch, {"number": number_of(id_), "message_id": id_, "text": searchable(subject), "indexed": True}
        for tag in tags:
            yield MessageTag, {"message_id": id_, "tag": tag}
        for _ in range(2 if number % 5 == 0 else 1):
            outcome = "sent" if status in ("sent", "partially_sent") else "pending"
            yield Recipient, {"message_id": id_, "kind": "to", "email": self._address(number), "status": outcome}
        if status in ("sent", "failed", "partially_sent", "deferred"):
            outcome = "sent" if status == "sent" else "deferred"
            attempt = {"number": 1, "claim_id": "clm_1", "outcome": outcome, "started_at": at, "reply_text": "250 ok"}
            yield DeliveryAttempt, {"message_id": id_, "account_id": account, **attempt}

    def _row(
        self, id_: str, number: int, at: datetime, status: str, subject: str, tags: Sequence[str]
    ) -> dict[str, Any]:
        chance, filling = self._chance, self._filling
        later = self._now + timedelta(days=1)
        due = {"queued": at, "deferred": later, "scheduled": later}
        return {
            "id": id_,
            "api_key_id": filling.keys[0] if number % 10 < 6 else chance.choice(filling.keys),
            "status": status,
            "priority": 1 if number % 20 else 2,
            "subject": subject,
            "reply_to": [],
            "headers": {},
            "tags": tags,
            "metadata": {"order": number, "customer": f"c{number % 5000}"} if number % 5 < 3 else {},
            "account_id": chance.choice(filling.accounts) if number % 50 == 0 and status != "queued" else None,
            "template_id": chance.choice(filling.templates) if number % 3 else None,
            "rfc_message_id": f"<{id_}@box.example>",
            "request_id": OLD_REQUEST if number == 0 else f"req_{id_[4:]}",
            "size": 100,
            "created_at": at,
            "attempts": 1 if status in ("sent", "failed", "partially_sent") else 0,
            "due_at": due.get(status),
            "finished_at": None if status in (*WAITING, "queued") else at,
            "reason": REASONS.get(status, ""),
        }

    def _status(self, number: int) -> str:
        left = self._count - number
        if left <= self._queued:
            return "queued"
        left -= self._queued
        for status, count in WAITING.items():
            if left <= count * self._count // 1_000_000:
                return status
            left -= count * self._count // 1_000_000
        return self._chance.choice(FINISHED)

    def _subject(self, number: int) -> str:
        if number in range(self._count // 100, self._count // 100 + 5):
            return f"{LATE_WORD} sale {number}"
        if number in range(self._count // 50, self._count // 50 + 5):
            return f"公司{LATE_CJK} {number}"
        if number >= self._count - self._count // 50 and number % 3 == 0:
            return f"{EARLY_WORD}'s {self._chance.choice(WORDS)} {number}"
        if number % 10 < 3:
            return self._chance.choice(CJK).format(number)
        return self._chance.choice(OPENINGS).format(self._chance.choice(WORDS), number)

    def _tags(self, number: int) -> list[str]:
        tags = [TAGS[0]] if number % 2 else []
        tags += [self._chance.choice(TAGS[1:])] if number % 3 == 0 else []
        return [*tags, RARE_TAG] if number % (self._count // 100 or 1) == 7 else tags

    def _address(self, number: int) -> str:
        if number % 100_000 == 11:
            return "Seldom.Seen@rare-domain.example"
        return self._chance.choice(self._filling.addresses)

    def _new_address(self, number: int) -> str:
        name = self._chance.choice(("ann", "bob", "carol", "dave", "erin", "frank", "wei", "li", "zhang", "user"))
        return f"{name}.{number}@{self._chance.choice(self._domains)}"


_MESSAGE_TABLES = (Message, MessageBody, MessageSearch, MessageTag, Recipient, DeliveryAttempt)


def _columns(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Names with what stands in every row that says nothing of them."""
    known = [one for one in table.columns if one.computed is None]
    constants = {one.name: one.default.arg for one in known if one.default is not None and one.default.is_scalar}  # type: ignore[attr-defined]
    lists: dict[str, Any] = {one.name: [] for one in known if one.default is not None and one.default.is_callable}
    return {one.name: (constants | lists).get(one.name) for one in known if one.name in constants | lists | row}


class _SqliteStore:
    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
        for words in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000", "BEGIN"):
            self._connection.execute(words)

    def put(self, rows: Rows) -> None:
        for model, some in rows.items():
            if some:
                usual = _columns(model.__table__, some[0])  # type: ignore[arg-type]
                names = ", ".join(f'"{name}"' for name in usual)
                places = ", ".join("?" * len(usual))
                insert = f'INSERT INTO "{model.__tablename__}" ({names}) VALUES ({places})'
                self._connection.executemany(insert, ([_plain(one) for one in (usual | row).values()] for row in some))

    def close(self) -> None:
        self._connection.execute("INSERT INTO message_search_index (message_search_index) VALUES ('rebuild')")
        self._connection.execute("COMMIT")
        self._connection.close()


class _PostgresStore:
    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(
            make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        )

    def put(self, rows: Rows) -> None:
        with self._connection.cursor() as cursor:
            for model, some in rows.items():
                if some:
                    usual = _columns(model.__table__, some[0])  # type: ignore[arg-type]
                    names = ", ".join(f'"{name}"' for name in usual)
                    with cursor.copy(f'COPY "{model.__tablename__}" ({names}) FROM STDIN') as copy:
                        for row in some:
                            copy.write_row([_as_json(one) for one in (usual | row).values()])
        self._connection.commit()

    def close(self) -> None:
        self._connection.autocommit = True
        self._connection.execute("VACUUM ANALYZE")
        self._connection.close()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"
    return _as_json(value)


def _as_json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value
