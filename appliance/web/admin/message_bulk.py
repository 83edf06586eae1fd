"""/messages/bulk: what an action would do to the messages that were picked, or to all that match; then the job."""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from appliance.db.models.message_sets import SetAction
from appliance.db.queries.message_filters import Filters
from appliance.errors import NotFound
from appliance.services import intake
from appliance.services.bulk import MOST_IDS, BulkRequest
from appliance.services.idempotency import Once, hash_of
from appliance.web.admin.counting import countings
from appliance.web.admin.filters import number
from appliance.web.admin.message_filters import MessageFilters
from appliance.web.admin.notices import notice
from appliance.web.context import web

ALL = "all"
"""The scope that is not a selection."""
LONGEST_ID = 40


@dataclass(frozen=True, slots=True)
class _Asked:
    """`ids` None: all that match are meant, of those that had come in `as_of` a moment."""

    action: SetAction
    filters: MessageFilters
    ids: tuple[str, ...] | None
    as_of: datetime | None

    @property
    def for_nothing(self) -> bool:
        return self.ids is not None and not self.ids

    @property
    def is_unclear(self) -> bool:
        """All that match are meant, and what matches is not to be understood."""
        return self.ids is None and bool(self.filters.wrong)

    def request(self) -> BulkRequest:
        if self.ids is not None:
            return BulkRequest(self.action, Filters(), self.ids)
        return BulkRequest(self.action, self.filters.as_of(self.as_of or web().clock()))


def review() -> Any:
    """Counts, and asks. What came in since is left out, so that what was counted is what is changed."""
    if not request.args.get("action"):
        return redirect(url_for(".index"))
    asked = _asked(request.args)
    if asked.for_nothing:
        return _ask_for_a_selection(asked)
    if asked.is_unclear:
        return _back_to_the_list(asked)
    if asked.ids is None and asked.as_of is None:
        now = web().clock().isoformat()
        return redirect(url_for(".review", action=asked.action, scope=ALL, as_of=now, **asked.filters.arguments()))
    return render_template(
        "message_bulk.html",
        action=asked.action,
        filters=asked.filters,
        ids=asked.ids,
        as_of=asked.as_of.isoformat() if asked.as_of else "",
        counting=countings().of(web().services.bulk, asked.request()),
        once=secrets.token_urlsafe(16),
    )


def start() -> Any:
    """A second press of the button finds the job of the first."""
    asked = _asked(request.form)
    if asked.for_nothing:
        return _ask_for_a_selection(asked)
    if asked.is_unclear:
        return _back_to_the_list(asked)
    wanted, key = asked.request(), request.form.get("once", "")[:64]
    once = Once(current_user.id, key, hash_of(["pages", asdict(wanted)])) if key else None
    made = web().services.bulk.start(wanted, once)
    return redirect(url_for("admin.jobs.show", job_id=made.id))


def total() -> Any:
    """How many messages the filters of the address match, for the list; null while they are being counted."""
    filters = MessageFilters.of(request.args, web().zone)
    counting = countings().of(web().services.bulk, BulkRequest(SetAction.RETRY, filters.query()))
    matching = counting.found.matching if counting.found else None
    return {"total": None if matching is None else number(matching), "goes_on": counting.goes_on}


def _ask_for_a_selection(asked: _Asked) -> Any:
    notice("nothing_selected")
    return _back_to_the_list(asked)


def _back_to_the_list(asked: _Asked) -> Any:
    return redirect(url_for(".index", **asked.filters.arguments()), HTTPStatus.SEE_OTHER)


def _asked(given: MultiDict[str, str]) -> _Asked:
    """Raises NotFound for an action that there is not."""
    wanted = given.get("action", "")
    if wanted not in set(SetAction):
        raise NotFound("action", wanted)
    ids = tuple(dict.fromkeys(one[:LONGEST_ID] for one in given.getlist("id")))[:MOST_IDS]
    picked = None if given.get("scope") == ALL else ids
    filters = MessageFilters.of(given, web().zone)
    return _Asked(SetAction(wanted), filters, picked, _moment(given.get("as_of", "")))


def _moment(text: str) -> datetime | None:
    try:
        return intake.instant(text)
    except ValueError:
        return None
