"""/suppressions: whom nothing is sent to, why, and what that has stopped."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from wtforms import IntegerField, StringField
from wtforms.validators import InputRequired, NumberRange, Optional

from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import suppressions
from appliance.errors import InvalidInput, NotFound
from appliance.web.admin.form import Form
from appliance.web.admin.notices import notice
from appliance.web.api.suppressions import csv_download
from appliance.web.context import web

blueprint = Blueprint("suppressions", __name__, url_prefix="/suppressions")

PAGE = 50
LONGEST = 320


class SuppressionForm(Form):
    address = StringField(
        _("Address or domain"),
        [InputRequired(_("Give an address or a domain."))],
        description=_("ann@example.com, or example.com for everybody there."),
    )
    reason = StringField(_("Reason"), description=_("It is shown with each message that it stops."))
    days = IntegerField(
        _("For how many days"),
        [Optional(), NumberRange(1, 36500, _("Give a number of days from 1 to 36500."))],
        description=_("Empty: for ever."),
    )


@blueprint.get("")
def index() -> str:
    return _page(SuppressionForm(formdata=None))


@blueprint.post("")
def create() -> Any:
    form = SuppressionForm()
    try:
        if not form.validate():
            return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        _add(form)
    except InvalidInput as error:
        form.blame(error)
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    notice("suppression_added", address=form.address.data.strip())
    return redirect(url_for(".index"))


@blueprint.post("/<suppression_id>/remove")
def remove(suppression_id: str) -> Any:
    """Somebody else may have removed it since the page was drawn: then there is nothing left to do."""
    try:
        removal = web().services.suppressions.remove(suppression_id, release="release" in request.form)
        by_and_by = removal.stopped if removal.job_id else 0
        notice("suppression_removed", address=removal.address, released=removal.released, by_and_by=by_and_by)
    except NotFound:
        notice("suppression_gone")
    return redirect(url_for(".index"))


@blueprint.post("/import")
def import_() -> Any:
    """What was left out is shown at once instead of after a redirect: it is kept nowhere."""
    file = request.files.get("file")
    try:
        imported = web().services.suppressions.import_csv(file.read() if file else b"")
    except InvalidInput as error:
        return _page(SuppressionForm(formdata=None), import_error=error.errors[0].message), (
            HTTPStatus.UNPROCESSABLE_ENTITY
        )
    return _page(SuppressionForm(formdata=None), imported=imported)


@blueprint.get("/export")
def export() -> Response:
    return csv_download()


def _add(form: SuppressionForm) -> None:
    days = form.days.data
    expires_at = web().clock() + timedelta(days=days) if days else None
    web().services.suppressions.add(
        form.address.data, form.reason.data or "", source=SuppressionSource.MANUAL, expires_at=expires_at
    )


def _page(form: SuppressionForm, **facts: Any) -> str:
    q, source = request.args.get("q", "").strip()[:LONGEST], request.args.get("source", "")
    before = request.args.get("before") or None
    with web().read() as session:
        found, next_id = suppressions.page(session, now=web().clock(), before=before, limit=PAGE, q=q, source=source)
        stopped = suppressions.stopped_counts(session, [one.id for one in found])
    sources = [str(one) for one in SuppressionSource]
    listing = {"found": found, "stopped": stopped, "next_id": next_id, "before": before}
    return render_template("suppressions.html", form=form, q=q, source=source, sources=sources, **listing, **facts)
