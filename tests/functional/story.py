"""Something to look at: a small shop a month after it began, on a day on which not everything goes well."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from appliance.config.settings import DatabaseSettings
from appliance.db.database import Database
from appliance.db.models import Rollup
from appliance.db.models.rollup import COUNTERS, EVERYBODY, NONE, TIMES, Dimension, Unit
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import mailbox
from tests.functional.mail import add_account, message, post, wait_for_status
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

ENVIRONMENT = {
    "ALERTS_RAISE_SECONDS": "1",
    "WEBHOOKS_ALLOW_HTTP": "true",
    "WEBHOOKS_ALLOW_NETWORKS": "127.0.0.0/8",
}
"""Of the appliance that the story is told to."""

PEOPLE = ("ann", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
NAME = {"name": "name", "type": "string", "required": True, "example": "Ann", "description": "How to address them"}
NUMBER = {"name": "number", "type": "integer", "required": True, "example": 1041}
FRAME = '<div style="font-family:sans-serif;padding:24px"><h1 style="color:#2b4fa3">{title}</h1>{body}</div>'
TEMPLATES = {
    "invoice": {
        "name": "Invoice",
        "subject": "Invoice {{ number }}",
        "html": FRAME.format(
            title="Invoice {{ number }}",
            body="<p>Hello {{ name }},</p>\n<p>thank you. <b>Your invoice is ready.</b></p>",
        ),
        "text": "Hello {{ name }}, your invoice {{ number }} is ready.",
        "variables": [NAME, NUMBER],
        "locales": {"zh-CN": {"subject": "发票 {{ number }}", "text": "{{ name }}，您的发票 {{ number }} 已开具。"}},
    },
    "welcome": {
        "name": "Welcome",
        "subject": "Welcome, {{ name }}",
        "html": FRAME.format(title="Welcome", body="<p>Nice to have you here, {{ name }}.</p>"),
        "text": "Nice to have you here, {{ name }}.",
        "variables": [NAME],
    },
}
SHIPPED = FRAME.format(title="On its way", body="<p>Hello Ann, your order left our house <b>today</b>.</p>")


@dataclass(frozen=True)
class Story:
    """The things in it that have a page each."""

    message: str
    account: str
    webhook: str
    mail: str

    def values(self) -> dict[str, str]:
        """What stands for each argument of an address."""
        return {
            "message_id": self.message,
            "account_id": self.account,
            "webhook_id": self.webhook,
            "mail_id": self.mail,
            "slug": "invoice",
        }


def tell(appliance: Appliance, sink: SmtpSink, hooks: str) -> Story:
    """`hooks` is where webhooks are sent to."""
    sink.reply("RCPT", "550 5.1.1 no such user here", when=lambda words: "mallory" in words)
    sink.reply("RCPT", "451 4.7.1 greylisted, try again later", when=lambda words: "victor" in words)
    for slug, template in TEMPLATES.items():
        _call(appliance, "templates", {"slug": slug, **template})
    _call(appliance, "keys", {"name": "Shop", "scopes": ["send", "read"]})
    _call(appliance, "suppressions", {"address": "gone@example.com"})
    webhook = _call(appliance, "webhooks", {"url": hooks, "description": "Order system", "events": ["message.*"]})
    add_account(appliance, sink, name="Old relay", email="old@example.com", port=9, priority=10)
    news = add_account(appliance, sink, name="Newsletter", email="news@example.com", daily_limit=12, priority=5)
    shop = add_account(appliance, sink, name="Shop", email="shop@example.com", daily_limit=400)
    add_account(appliance, sink, name="Spare", email="spare@example.com", daily_limit=100, active=False)
    _remember_a_month(appliance, [news, shop])
    _send(appliance)
    draft = post(appliance, "ann@example.com", account=BUILT_IN_MAILBOX_ID, **_written("Draft of our newsletter"))
    wait_for_status(appliance, draft, "sent", timeout=60)
    shipped = _ship(appliance)
    with _database(appliance) as database, database.read() as session:
        kept = mailbox.page(session)[0][0].id
    return Story(shipped, shop, webhook, kept)


def _send(appliance: Appliance) -> None:
    """Most of it gets there; some will be tried again, waits for its time, or may not go."""
    for number in range(40):
        name = PEOPLE[number % len(PEOPLE)]
        variables = {"name": name.title(), "number": 1000 + number}
        invoice = {"template": "invoice", "variables": variables, "tags": ["invoice"]}
        _call(appliance, "messages", {"to": [f"{name}@example.com"], **invoice})
    for name in ("mallory", "victor", "gone"):
        post(appliance, f"{name}@example.com", subject="Confirm your address", tags=["account"])
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    post(appliance, "grace@example.com", subject="Our hours at the end of the year", send_at=tomorrow, tags=["news"])


def _ship(appliance: Appliance) -> str:
    """A message that one of two has got."""
    written = _written("Your order has been shipped", SHIPPED)
    shipped = post(
        appliance, "ann@example.com", "mallory@example.net", tags=["order"], metadata={"order": 7}, **written
    )
    wait_until(lambda: message(appliance, shipped)["status"] == "partially_sent", 60, "the order is not shipped")
    return shipped


def _written(subject: str, html: str = "<p>Hello Ann</p>") -> dict[str, str]:
    return {"subject": subject, "html": html, "text": "Hello Ann"}


def _call(appliance: Appliance, what: str, body: dict[str, Any]) -> str:
    """Makes one of `what`; returns its id, if it has one."""
    status, answer = appliance.request("POST", f"/api/v1/{what}", appliance.local_token(), body)
    assert status in (200, 201, 202), answer
    return str(answer.get("id", ""))


@contextmanager
def _database(appliance: Appliance) -> Iterator[Database]:
    """For what the API does not tell and nobody can wait for."""
    database = Database(f"sqlite:///{appliance.data_dir / 'postroom.db'}", DatabaseSettings())
    database.start()
    yield database
    database.stop()


def _remember_a_month(appliance: Appliance, accounts: list[str]) -> None:
    """The figures of the days and hours before this one."""
    now, chance, zone = datetime.now(UTC), random.Random(7), ZoneInfo("UTC")
    ends = [(now - timedelta(days=back), 600, (Unit.DAY, Unit.MONTH)) for back in range(1, 31)]
    ends += [(now - timedelta(hours=back), 25, (Unit.HOUR,)) for back in range(1, 24)]
    with _database(appliance) as database:
        for end, usual, units in ends:
            quiet = 0.4 if (end.hour < 6 if Unit.HOUR in units else end.weekday() > 4) else 1.0
            sent = round(usual * quiet * chance.uniform(0.8, 1.2))
            rows = [row for unit in units for row in _figures(unit, unit.period(end, zone), accounts, sent)]
            database.write(lambda session, rows=rows: Rollup.add(session, rows))  # type: ignore[misc]


def _figures(unit: Unit, period: str, accounts: list[str], sent: int) -> list[dict[str, Any]]:
    """Of `sent` messages, which the last of the accounts sent the most of."""
    groups = [(Dimension.TOTAL, NONE, 1.0)]
    groups += [(Dimension.ACCOUNT, one, share) for one, share in zip(accounts, (0.3, 0.7), strict=True)]
    groups += [(Dimension.TAG, tag, share) for tag, share in (("invoice", 0.6), ("order", 0.25), ("news", 0.15))]
    return [_rollup(unit, period, dimension, value, round(sent * share)) for dimension, value, share in groups]


def _rollup(unit: Unit, period: str, dimension: str, value: str, sent: int) -> dict[str, Any]:
    nothing = dict.fromkeys((*COUNTERS, *TIMES), 0)
    failed = sent // 40
    some = {"accepted": sent + failed, "sent": sent, "failed": failed, "deferred": sent // 15, "retried": sent // 15}
    slow = sent // 10
    times = {TIMES[6]: sent // 2, TIMES[7]: sent - sent // 2 - slow, TIMES[11]: slow}
    key = {"unit": unit.value, "scope": EVERYBODY, "dimension": dimension, "period": period, "value": value}
    return nothing | some | times | key
