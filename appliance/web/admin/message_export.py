"""/messages/export.csv: every message that matches, page after page, so that neither memory nor anybody else waits."""

import csv
import io
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from flask import Response, redirect, request, stream_with_context, url_for

from appliance.db.models import Message, Recipient
from appliance.db.queries import messages, templates
from appliance.db.queries.messages import AccountOfAttempt, Filters
from appliance.services.suppression_csv import shielded
from appliance.web.admin.message_filters import MessageFilters
from appliance.web.context import web

PAGE = 100
REST_SECONDS = 0.001  # between two pages: others come first
UNTRIED = AccountOfAttempt(None, "")
BYTE_ORDER_MARK = "\ufeff"  # without it a spreadsheet takes UTF-8 for something else
COLUMNS = (
    "id",
    "status",
    "reason",
    "detail",
    "subject",
    "from",
    "to",
    "cc",
    "bcc",
    "account",
    "template",
    "tags",
    "attempts",
    "accepted_at",
    "finished_at",
    "message_id",
)


def export() -> Any:
    """With filters that are not understood nothing is exported: the list says what is wrong with them."""
    asked = MessageFilters.of(request.args, web().zone)
    if asked.wrong:
        return redirect(url_for(".index", **asked.arguments()))
    filters = asked.as_of(web().clock())
    name = f"messages-{web().clock().astimezone(web().zone):%Y-%m-%d-%H%M}.csv"
    response = Response(stream_with_context(_lines(filters)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _lines(filters: Filters) -> Iterator[str]:
    yield BYTE_ORDER_MARK + _line(COLUMNS)
    before: str | None = None
    while True:
        rows, before = _page(filters, before)
        yield "".join(_line(row) for row in rows)
        if before is None:
            return
        time.sleep(REST_SECONDS)


def _page(filters: Filters, before: str | None) -> tuple[Sequence[Sequence[str]], str | None]:
    with web().read() as session:
        page = messages.page(session, filters, before=before, limit=PAGE)
        slugs = templates.slugs_of(session, (one.template_id for one in page.items))
        accounts = messages.last_accounts(session, (one.id for one in page.items))
    rows = [
        _row(one, page.recipients[one.id], slugs.get(one.template_id or "", ""), accounts.get(one.id, UNTRIED))
        for one in page.items
    ]
    return rows, page.next_id


def _row(message: Message, recipients: Sequence[Recipient], template: str, account: AccountOfAttempt) -> Sequence[str]:
    return (
        message.id,
        message.status,
        message.reason,
        message.detail,
        message.subject,
        message.sender_email or account.email,
        *(_addresses(recipients, kind) for kind in ("to", "cc", "bcc")),
        account.name,
        template,
        " ".join(message.tags),
        str(message.attempts),
        _moment(message.created_at),
        _moment(message.finished_at),
        message.rfc_message_id,
    )


def _addresses(recipients: Sequence[Recipient], kind: str) -> str:
    return ", ".join(one.email for one in recipients if one.kind == kind)


def _moment(value: datetime | None) -> str:
    """As a spreadsheet reads it, in the zone of the appliance."""
    return "" if value is None else f"{value.astimezone(web().zone):%Y-%m-%d %H:%M:%S}"


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(shielded(cell) for cell in cells)
    return out.getvalue()
