"""/templates: write them, see them with sample data, see what changed, go back."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_login import current_user

from appliance.db.models import Template, TemplateVersion
from appliance.db.queries import templates
from appliance.errors import Conflict, FieldError, InvalidInput, NotFound, WrongState
from appliance.services import template_diff
from appliance.services.template_form import form_of
from appliance.services.template_rendering import Preview
from appliance.services.template_variables import Variable, examples_of
from appliance.web import security
from appliance.web.admin.notices import notice
from appliance.web.admin.template_form import TemplatePageForm
from appliance.web.context import web

blueprint = Blueprint("templates", __name__, url_prefix="/templates")

PAGE = 50
LONGEST_VARIABLES = 100_000  # characters, in the address of a preview


@blueprint.get("")
def index() -> str:
    after = request.args.get("after") or None
    with web().read() as session:
        found, next_id = templates.page(session, after=after, limit=PAGE)
    return render_template("templates.html", templates=found, next_id=next_id, after=after)


@blueprint.get("/new")
def new() -> str:
    return _form_page(TemplatePageForm())


@blueprint.post("/new")
def create() -> Any:
    form = TemplatePageForm()
    slug = form.slug.data or ""
    try:
        if not form.validate():
            return _form_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        web().services.templates.create(slug, form.template(), author=current_user.name, reason=form.reason.data or "")
    except InvalidInput as error:
        form.blame(error)
        return _form_page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    except Conflict as error:
        form.blame(InvalidInput([FieldError("slug", str(error))]))
        return _form_page(form), HTTPStatus.CONFLICT
    notice("template_created")
    return redirect(url_for(".show", slug=slug))


@blueprint.get("/<slug>")
def show(slug: str) -> str:
    """The present version, or the one that `?version=` names, with sample data or with `?variables=`."""
    template, version = _read(slug, request.args.get("version", type=int))
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
        variables=request.args.get("variables") or _examples(version),
        locale=request.args.get("locale", ""),
        arguments=_preview_arguments(version),
    )


@blueprint.get("/<slug>/html")
def html(slug: str) -> Response:
    """The HTML of the preview, for a frame that nothing gets out of."""
    template, version = _read(slug, request.args.get("version", type=int))
    preview, _ = _preview(template, version)
    if preview is None or preview.rendered.html is None:
        raise NotFound("HTML of template", slug)
    return security.as_mail(Response(preview.rendered.html, content_type="text/html; charset=utf-8"))


@blueprint.get("/<slug>/edit")
def edit(slug: str) -> str:
    template, version = _read(slug)
    form = TemplatePageForm()
    form.fill(form_of(template.name, version), version.number)
    return _form_page(form, template)


@blueprint.post("/<slug>/edit")
def change(slug: str) -> Any:
    (template, _), form = _read(slug), TemplatePageForm()
    try:
        if not form.validate():
            return _form_page(form, template), HTTPStatus.UNPROCESSABLE_ENTITY
        changed = web().services.templates.change(
            slug,
            form.template(),
            author=current_user.name,
            reason=form.reason.data or "",
            base_version=form.started_from(),
        )
    except InvalidInput as error:
        form.blame(error)
        return _form_page(form, template), HTTPStatus.UNPROCESSABLE_ENTITY
    except Conflict as error:
        form.form_errors.append(str(error))
        return _form_page(form, template), HTTPStatus.CONFLICT
    notice("template_changed" if changed else "template_same")
    return redirect(url_for(".show", slug=slug))


@blueprint.get("/<slug>/diff")
def diff(slug: str) -> str:
    template, old = _read(slug, request.args.get("from", type=int))
    _, new = _read(slug, request.args.get("to", type=int))
    return render_template(
        "template_diff.html", template=template, old=old, new=new, parts=template_diff.between(old, new)
    )


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


def _read(slug: str, number: int | None = None) -> tuple[Template, TemplateVersion]:
    """`number` None: the present version. Raises NotFound."""
    with web().read() as session:
        template = templates.by_slug(session, slug)
        if template is None:
            raise NotFound("template", slug)
        wanted = template.version if number is None else number
        version = templates.version(session, template.id, wanted) if 0 < wanted <= template.version else None
    if version is None:
        raise NotFound("version", str(number))
    return template, version


def _preview(template: Template, version: TemplateVersion) -> tuple[Preview | None, tuple[FieldError, ...]]:
    """What it makes, or why it makes nothing."""
    try:
        return web().services.template_rendering.preview(
            template.slug, _given_variables(), request.args.get("locale", "")[:20] or None, version.number
        ), ()
    except InvalidInput as error:
        return None, error.errors


def _given_variables() -> Mapping[str, Any] | None:
    text = request.args.get("variables", "")
    if not text.strip():
        return None
    try:
        if len(text) > LONGEST_VARIABLES:
            raise ValueError(f"they have {len(text)} characters; a preview here takes {LONGEST_VARIABLES}")
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput([FieldError("variables", f"This is not JSON: {error}.")]) from error
    if not isinstance(values, dict):
        raise InvalidInput([FieldError("variables", 'Write a JSON object: {"name": "Ann"}.')])
    return values


def _examples(version: TemplateVersion) -> str:
    values = examples_of(Variable(**one) for one in version.variables)
    return json.dumps(values, ensure_ascii=False, indent=2) if values else ""


def _preview_arguments(version: TemplateVersion) -> dict[str, Any]:
    given = {name: request.args.get(name) for name in ("variables", "locale")}
    return {"version": version.number} | {name: text for name, text in given.items() if text}


def _form_page(form: TemplatePageForm, template: Template | None = None) -> str:
    form.add_empty_rows()
    return render_template("template_form.html", form=form, template=template)
