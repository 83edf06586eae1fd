"""/templates: see them with sample data, see what changed, go back, send a test; and their editor."""

from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask_login import current_user

from appliance.db.models import Template, TemplateVersion
from appliance.db.queries import templates
from appliance.errors import Conflict, FieldError, InvalidInput, LimitReached, NotFound, WrongState
from appliance.services import intake, template_diff
from appliance.services.submission import SubmitMessage, Submitter
from appliance.services.submit_message import TemplateReference
from appliance.services.template_rendering import Preview
from appliance.web import security
from appliance.web.admin import template_editor, template_reading
from appliance.web.admin.notices import notice
from appliance.web.admin.template_reading import read
from appliance.web.context import web

blueprint = Blueprint("templates", __name__, url_prefix="/templates")

blueprint.add_url_rule("/new", view_func=template_editor.new)
blueprint.add_url_rule("/new", view_func=template_editor.create, methods=["POST"])
blueprint.add_url_rule("/<slug>/edit", view_func=template_editor.edit)
blueprint.add_url_rule("/<slug>/edit", view_func=template_editor.change, methods=["POST"])
blueprint.add_url_rule("/-/preview", view_func=template_editor.preview, methods=["POST"])  # no slug is a dash
blueprint.add_url_rule("/-/html/<token>", view_func=template_editor.preview_html)

PAGE = 50


@blueprint.get("")
def index() -> str:
    after = request.args.get("after") or None
    with web().read() as session:
        found, next_id = templates.page(session, after=after, limit=PAGE)
    return render_template("templates.html", templates=found, next_id=next_id, after=after)


@blueprint.get("/<slug>")
def show(slug: str) -> str:
    """The present version, or the one that `?version=` names, with sample data or with what is given."""
    return _page(*read(slug, request.args.get("version", type=int)))


@blueprint.get("/<slug>/html")
def html(slug: str) -> Response:
    """The HTML of the preview, for a frame that nothing gets out of."""
    template, version = read(slug, request.args.get("version", type=int))
    preview, _ = _preview(template, version)
    if preview is None or preview.rendered.html is None:
        raise NotFound("HTML of template", slug)
    return security.as_mail(Response(preview.rendered.html, content_type="text/html; charset=utf-8"))


@blueprint.post("/<slug>/test")
def test(slug: str) -> Any:
    """Sends the present version, with the values of the form, to one address."""
    template, version = read(slug)
    try:
        to = _recipient()
        variables = template_reading.given(version, request.form) or {}
        reference = TemplateReference(slug, variables, template_reading.locale_wanted())
        command = SubmitMessage((to,), "", template=reference, tags=("test",))
        accepted = web().services.submission.submit(command, Submitter(None, g.request_id))
    except (InvalidInput, LimitReached) as error:
        errors = error.errors if isinstance(error, InvalidInput) else (FieldError("to", str(error)),)
        return _page(template, version, errors), HTTPStatus.UNPROCESSABLE_ENTITY
    notice("template_test_sent")
    return redirect(url_for("admin.messages.show", message_id=accepted.id))


@blueprint.get("/<slug>/diff")
def diff(slug: str) -> str:
    template, old = read(slug, request.args.get("from", type=int))
    _, new = read(slug, request.args.get("to", type=int))
    parts = web().run_native(partial(template_diff.side_by_side, old, new))
    return render_template("template_diff.html", template=template, old=old, new=new, parts=parts)


@blueprint.post("/<slug>/rollback")
def roll_back(slug: str) -> Any:
    number, reason = request.form.get("version", 0, type=int), request.form.get("reason", "").strip()[:500]
    try:
        made = web().services.templates.roll_back(slug, number, author=current_user.name, reason=reason)
        notice("template_rolled_back", version=made)
    except (WrongState, Conflict) as error:
        notice("wrong_state", reason=str(error))
    return redirect(url_for(".show", slug=slug))


@blueprint.post("/<slug>/delete")
def delete(slug: str) -> Any:
    web().services.templates.delete(slug)
    notice("template_deleted")
    return redirect(url_for(".index"))


def _recipient() -> intake.Address:
    try:
        return intake.address(request.form.get("to", "").strip())
    except ValueError as error:
        raise InvalidInput([FieldError("to", str(error))]) from error


def _page(template: Template, version: TemplateVersion, refused: tuple[FieldError, ...] = ()) -> str:
    before = request.args.get("before", type=int)
    with web().read() as session:
        versions, next_number = templates.versions(session, template.id, before=before, limit=PAGE)
    preview, errors = _preview(template, version)
    return render_template(
        "template.html",
        template=template,
        version=version,
        versions=versions,
        next_number=next_number,
        before=before,
        preview=preview,
        errors=errors,
        refused=refused,
        fields=template_reading.fields(version, request.values),
        locale=template_reading.locale_wanted(),
        to=request.form.get("to", ""),
        arguments=_preview_arguments(version, preview),
    )


def _preview(template: Template, version: TemplateVersion) -> tuple[Preview | None, tuple[FieldError, ...]]:
    """What it makes, or why it makes nothing."""
    try:
        values = template_reading.given(version, request.values)
        locale = template_reading.locale_wanted()
        return web().services.template_rendering.preview(template.slug, values, locale, version.number), ()
    except InvalidInput as error:
        return None, error.errors


def _preview_arguments(version: TemplateVersion, preview: Preview | None) -> dict[str, Any]:
    asked = any(name == "variables" or name.startswith(template_reading.FIELD) for name in request.values)
    values = template_reading.as_arguments(preview.variables if preview and asked else None)
    locale = template_reading.locale_wanted()
    return {"version": version.number, **values, **({"locale": locale} if locale else {})}
