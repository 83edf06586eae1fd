"""/api/v1/templates"""

from functools import partial
from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.models import Template, TemplateVersion
from appliance.db.queries import templates
from appliance.errors import NotFound
from appliance.services import template_diff
from appliance.services.template_form import content_of
from appliance.web.api import (
    error_codes,
    operations,
    paging,
    representations,
    template_documents,
    template_second_look,
)
from appliance.web.api.authentication import caller, needs
from appliance.web.api.template_schemas import (
    DiffQuery,
    PreviewRequest,
    RollbackRequest,
    TemplateChange,
    TemplatePath,
    TemplateQuery,
    TemplateRequest,
    VersionPath,
)
from appliance.web.context import web

TAG = Tag(name="templates", description="What messages say, written once, with a history of every change.")
VERSION_CURSOR = "ver_"

blueprint = APIBlueprint("templates", __name__, url_prefix="/templates", abp_tags=[TAG])


@blueprint.get(
    "", operation_id="list_templates", summary="List templates", responses={200: template_documents.TemplatePage}
)
@needs("read")
def index(query: TemplateQuery) -> Response:
    with web().read() as session:
        found, next_id = templates.page(session, after=paging.decode(query.cursor), limit=query.limit)
    return jsonify(paging.page([_summary(one) for one in found], next_id))


@blueprint.post(
    "",
    operation_id="create_template",
    summary="Create a template",
    responses={201: template_documents.TemplateDocument},
)
@needs("manage")
@operations.refuses(error_codes.CONFLICT)
@template_second_look.at_template
def create(body: TemplateRequest) -> tuple[Response, int, dict[str, str]]:
    """Jinja's language, without anything that could harm: conditions, loops, filters. See `docs/templates.md`."""
    web().services.templates.create(body.slug, body.form(), author=caller().name, reason=body.reason)
    return _one(body.slug), 201, {"Location": f"/api/v1/templates/{body.slug}"}


@blueprint.get(
    "/<string:slug>",
    operation_id="show_template",
    summary="One template as it is now",
    responses={200: template_documents.TemplateDocument},
)
@needs("read")
def show(path: TemplatePath) -> Response:
    return _one(path.slug)


@blueprint.put(
    "/<string:slug>",
    operation_id="change_template",
    summary="Replace what a template says",
    responses={200: template_documents.TemplateDocument},
)
@needs("manage")
@operations.refuses(error_codes.CONFLICT)
@template_second_look.at_template
def change(path: TemplatePath, body: TemplateChange) -> Response:
    """Makes a version, unless it says the same as before. Messages that were accepted already stay as they are."""
    web().services.templates.change(
        path.slug, body.form(), author=caller().name, reason=body.reason, base_version=body.base_version
    )
    return _one(path.slug)


@blueprint.delete("/<string:slug>", operation_id="delete_template", summary="Delete a template", responses={204: None})
@needs("manage")
def delete(path: TemplatePath) -> tuple[str, int]:
    """Its slug is free again. Messages made from it stay as they are."""
    web().services.templates.delete(path.slug)
    return "", 204


@blueprint.get(
    "/<string:slug>/versions",
    operation_id="list_template_versions",
    summary="The versions of a template",
    responses={200: template_documents.VersionPage},
)
@needs("read")
def versions(path: TemplatePath, query: TemplateQuery) -> Response:
    """The newest first."""
    cursor = paging.decode(query.cursor)
    before = int(cursor.removeprefix(VERSION_CURSOR)) if cursor else None
    with web().read() as session:
        template = _found(templates.by_slug(session, path.slug), path.slug)
        found, next_number = templates.versions(session, template.id, before=before, limit=query.limit)
    next_id = f"{VERSION_CURSOR}{next_number}" if next_number else None
    return jsonify(paging.page([_version_summary(one) for one in found], next_id))


@blueprint.get(
    "/<string:slug>/versions/<string:number>",
    operation_id="show_template_version",
    summary="One version of a template",
    responses={200: template_documents.VersionDocument},
)
@needs("read")
def version(path: VersionPath) -> Response:
    _, found = _read(path.slug, path.number)
    return jsonify(_version_summary(found) | content_of(found))


@blueprint.get(
    "/<string:slug>/diff",
    operation_id="compare_template_versions",
    summary="What two versions say differently",
    responses={200: template_documents.TemplateDiff},
)
@needs("read")
def diff(path: TemplatePath, query: DiffQuery) -> Response:
    _, old = _read(path.slug, query.old)
    _, new = _read(path.slug, query.new)
    parts = web().run_native(partial(template_diff.between, old, new))
    return jsonify({"from": old.number, "to": new.number, "parts": parts})


@blueprint.post(
    "/<string:slug>/rollback",
    operation_id="roll_back_template",
    summary="Make an earlier version the newest one",
    responses={200: template_documents.TemplateDocument},
)
@needs("manage")
@operations.refuses(error_codes.WRONG_STATE, error_codes.CONFLICT)
def roll_back(path: TemplatePath, body: RollbackRequest) -> Response:
    """Makes a version that says what that one said; the versions between stay."""
    web().services.templates.roll_back(path.slug, body.version, author=caller().name, reason=body.reason)
    return _one(path.slug)


@blueprint.post(
    "/<string:slug>/preview",
    operation_id="preview_template",
    summary="What a message made from it would say",
    responses={200: template_documents.TemplatePreview},
)
@needs("read")
def preview(path: TemplatePath, body: PreviewRequest) -> Response:
    """Sends and stores nothing."""
    shown = web().services.template_rendering.preview(path.slug, body.variables, body.locale, body.version)
    made = shown.rendered
    return jsonify(
        {"version": shown.version, "locale": shown.locale, "variables": shown.variables}
        | {"subject": made.subject, "html": made.html, "text": made.text}
    )


def _one(slug: str) -> Response:
    template, present = _read(slug, None)
    return jsonify(_summary(template) | content_of(present))


def _read(slug: str, number: int | None) -> tuple[Template, TemplateVersion]:
    """`number` None: the present version. Raises NotFound."""
    with web().read() as session:
        template = _found(templates.by_slug(session, slug), slug)
        version = templates.version(session, template.id, number or template.version)
    if version is None:
        raise NotFound("version", str(number))
    return template, version


def _found(template: Template | None, slug: str) -> Template:
    if template is None:
        raise NotFound("template", slug)
    return template


def _summary(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "slug": template.slug,
        "name": template.name,
        "version": template.version,
        "created_at": representations.moment(template.created_at),
        "updated_at": representations.moment(template.updated_at),
    }


def _version_summary(version: TemplateVersion) -> dict[str, Any]:
    return {
        "version": version.number,
        "author": version.author,
        "reason": version.reason,
        "created_at": representations.moment(version.created_at),
    }
