"""Writing a template: a form, and beside it what it makes as it stands, saved or not."""

from http import HTTPStatus
from typing import Any

from flask import Response, current_app, jsonify, redirect, render_template, request, url_for
from flask_login import current_user

from appliance.db.models import Template
from appliance.errors import Conflict, FieldError, InvalidInput, NotFound
from appliance.services.template_form import form_of
from appliance.services.template_preview import Draft
from appliance.web import security
from appliance.web.admin.notices import notice
from appliance.web.admin.template_drafts import Drafts
from appliance.web.admin.template_form import TemplatePageForm
from appliance.web.admin.template_reading import read
from appliance.web.context import web

DRAFTS = "postroom_template_drafts"
LONGEST_SLUG = 100


def new() -> str:
    """Empty, or with what the template `?from=` says."""
    form = TemplatePageForm(formdata=None)
    source = request.args.get("from")
    if source:
        template, version = read(source)
        form.fill(form_of(template.name, version), 0)
        form.slug.data = f"{source[: LONGEST_SLUG - 5]}-copy"
    return _page(form)


def create() -> Any:
    form = TemplatePageForm()
    if "preview" in request.form:
        return _page(form, draft=_draft(form))
    slug = form.slug.data or ""
    try:
        if not form.validate():
            return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
        web().services.templates.create(slug, form.template(), author=current_user.name, reason=form.reason.data or "")
    except InvalidInput as error:
        form.blame(error)
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    except Conflict as error:
        form.blame(InvalidInput([FieldError("slug", str(error))]))
        return _page(form), HTTPStatus.CONFLICT
    notice("template_created")
    return redirect(url_for("admin.templates.show", slug=slug))


def edit(slug: str) -> str:
    template, version = read(slug)
    form = TemplatePageForm(formdata=None)
    form.fill(form_of(template.name, version), version.number)
    return _page(form, template)


def change(slug: str) -> Any:
    (template, _), form = read(slug), TemplatePageForm()
    if "preview" in request.form:
        return _page(form, template, _draft(form))
    try:
        if not form.validate():
            return _page(form, template), HTTPStatus.UNPROCESSABLE_ENTITY
        changed = web().services.templates.change(
            slug,
            form.template(),
            author=current_user.name,
            reason=form.reason.data or "",
            base_version=form.started_from(),
        )
    except InvalidInput as error:
        form.blame(error)
        return _page(form, template), HTTPStatus.UNPROCESSABLE_ENTITY
    except Conflict as error:
        form.form_errors.append(str(error))
        return _page(form, template), HTTPStatus.CONFLICT
    notice("template_changed" if changed else "template_same")
    return redirect(url_for("admin.templates.show", slug=slug))


def preview() -> Response:
    """What the form makes as it stands. Nothing is stored but, for a moment, the HTML that a frame asks for."""
    draft = _draft(TemplatePageForm())
    made = draft.rendered
    return jsonify(
        {
            "subject": made.subject if made else None,
            "text": made.text if made else None,
            "frame": _frame(draft),
            "faults": [{"field": one.field, "message": one.message} for one in draft.faults],
            "undefined": draft.undefined,
            "unused": draft.unused,
        }
    )


def preview_html(token: str) -> Response:
    """For a frame that nothing gets out of."""
    html = _drafts().html(token)
    if html is None:
        raise NotFound("preview", token)
    return security.as_mail(Response(html, content_type="text/html; charset=utf-8"))


def _draft(form: TemplatePageForm) -> Draft:
    template, errors = form.draft()
    draft = web().services.template_preview.of(template, request.form.get("preview_locale", "")[:20] or None)
    return Draft(draft.rendered, (*errors, *draft.faults), draft.undefined, draft.unused)


def _frame(draft: Draft) -> str | None:
    if draft.rendered is None or draft.rendered.html is None:
        return None
    return url_for("admin.templates.preview_html", token=_drafts().keep(draft.rendered.html))


def _page(form: TemplatePageForm, template: Template | None = None, draft: Draft | None = None) -> str:
    form.add_empty_rows()
    frame = _frame(draft) if draft else None
    return render_template("template_form.html", form=form, template=template, draft=draft, frame=frame)


def _drafts() -> Drafts:
    drafts: Drafts = current_app.extensions.setdefault(DRAFTS, Drafts())
    return drafts
