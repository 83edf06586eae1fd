"""/messages/bulk: what an action would do to the messages that were picked, or to all that match; then the job."""

import secrets
from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from appliance.db.models.message_sets import SetAction
from appliance.db.queries.message_filters import Filters
from appliance.errors import NotFound
from appliance.services.bulk import MOST_IDS, BulkRequest
from appliance.services.idempotency import Once, hash_of
from appliance.web.admin.counting import countings
from appliance.web.admin.message_filters import MessageFilters
from appliance.web.admin.notices import notice
from appliance.web.context import web

ALL = "all"
"""The scope that is not a selection."""
LONGEST_ID = 40


def review() -> Any:
    """Counts, and asks. What came in since is left out, so that what was counted is what is changed."""
    if not request.args.get("action"):
        return redirect(url_for(".index"))
    action, filters, ids = _asked(request.args)
    if ids is not None and not ids:
        notice("nothing_selected")
        return redirect(url_for(".index", **filters.arguments()))
    if ids is None and not filters.until:
        frozen = filters.before(web().clock())
        return redirect(url_for(".review", action=action, scope=ALL, **frozen.arguments()))
    counting = countings().of(web().services.bulk, _request(action, filters, ids))
    return render_template(
        "message_bulk.html",
        action=action,
        filters=filters,
        ids=ids,
        counting=counting,
        once=secrets.token_urlsafe(16),
    )


def start() -> Any:
    """A second press of the button finds the job of the first."""
    action, filters, ids = _asked(request.form)
    if ids is not None and not ids:
        notice("nothing_selected")
        return redirect(url_for(".index", **filters.arguments()), HTTPStatus.SEE_OTHER)
    body = hash_of(["pages", action, filters.arguments(), ids])
    once = Once(current_user.id, request.form.get("once", "")[:64], body)
    made = web().services.bulk.start(_request(action, filters, ids), once if once.key else None)
    return redirect(url_for("admin.jobs.show", job_id=made.id))


def _asked(given: MultiDict[str, str]) -> tuple[SetAction, MessageFilters, tuple[str, ...] | None]:
    """The ids are None when all that match are meant. Raises NotFound for an action that there is not."""
    wanted = given.get("action", "")
    if wanted not in set(SetAction):
        raise NotFound("action", wanted)
    ids = tuple(dict.fromkeys(one[:LONGEST_ID] for one in given.getlist("id")))[:MOST_IDS]
    picked = None if given.get("scope") == ALL else ids
    return SetAction(wanted), MessageFilters.of(given, web().zone), picked


def _request(action: SetAction, filters: MessageFilters, ids: tuple[str, ...] | None) -> BulkRequest:
    return BulkRequest(action, filters.query() if ids is None else Filters(), ids)
