"""/api/v1/suppressions: whom nothing is sent to."""

from typing import Any

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag
from werkzeug.routing import BaseConverter

from appliance.db.models import Suppression
from appliance.db.models.suppression import SuppressionSource
from appliance.db.queries import suppressions
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.services.suppression_entry import checked
from appliance.services.suppressions import key_of
from appliance.web.api import (
    bodies,
    documents,
    examples,
    form_second_look,
    job_documents,
    jobs,
    paging,
    representations,
)
from appliance.web.api.authentication import needs
from appliance.web.api.suppression_schemas import RemovalQuery, SuppressionPath, SuppressionQuery, SuppressionRequest
from appliance.web.context import web

TAG = Tag(name="suppressions", description="Addresses and domains that nothing is sent to.")

blueprint = APIBlueprint("suppressions", __name__, url_prefix="/suppressions", abp_tags=[TAG])


class AddressInPath(BaseConverter):
    """All that is left of a path: an address may have slashes, also at its beginning and several in a row."""

    part_isolating = False
    regex = ".+"
    weight = 200  # after the paths that are fixed


blueprint.record(lambda state: state.app.url_map.converters.update(address=AddressInPath))

_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": examples.SUPPRESSIONS_CSV},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}

_CSV = {"content": {"text/csv": {"schema": {"type": "string"}, "example": examples.SUPPRESSIONS_CSV}}}


@blueprint.get(
    "", operation_id="list_suppressions", summary="List suppressions", responses={200: documents.SuppressionPage}
)
@needs("read")
def index(query: SuppressionQuery) -> Response:
    """Newest first, without those that have expired."""
    before = paging.decode(query.cursor)
    with web().read() as session:
        found, next_id = suppressions.page(
            session, now=web().clock(), before=before, limit=query.limit, q=query.q, source=query.source
        )
        stopped = suppressions.stopped_counts(session, [one.id for one in found])
    return jsonify(paging.page([_represented(one, stopped) for one in found], next_id))


_second_look = form_second_look.at_form(
    SuppressionRequest,
    {"address": "somebody@example.com"},
    lambda body: checked(body.address, body.reason, body.expires_at, web().clock()),
)


@blueprint.post(
    "",
    operation_id="create_suppression",
    summary="Suppress an address or a domain",
    responses={201: documents.SuppressionDocument},
)
@needs("manage")
@_second_look
def create(body: SuppressionRequest) -> tuple[Response, int, dict[str, str]]:
    """If it is suppressed already, the reason and the expiry are replaced. Waiting messages are stopped as well."""
    suppression_id = web().services.suppressions.add(
        body.address, body.reason, source=SuppressionSource.API, expires_at=body.expires_at
    )
    return _one(suppression_id), 201, {"Location": f"/api/v1/suppressions/{suppression_id}"}


@blueprint.get(
    "/<address:address>",
    operation_id="show_suppression",
    summary="One suppression",
    responses={200: documents.SuppressionDocument},
)
@needs("read")
def show(path: SuppressionPath) -> Response:
    return _one(key_of(path.address))


@blueprint.delete(
    "/<address:address>",
    operation_id="delete_suppression",
    summary="Send to an address or a domain again",
    responses={200: documents.SuppressionRemoval, 202: job_documents.SuppressionRelease},
)
@needs("manage")
def delete(path: SuppressionPath, query: RemovalQuery) -> tuple[Response, int, dict[str, str]]:
    """Says how many messages it stopped. Whoever has got a message does not get it again.

    Where more than 1,000 messages are to be released, a job does it: the answer is 202.
    """
    removal = web().services.suppressions.remove(path.address, release=query.release)
    told = {"address": removal.address, "stopped": removal.stopped, "released": removal.released}
    if removal.job_id is None:
        return jsonify(told), 200, {}
    return jsonify({**told, "job": jobs.one(removal.job_id)}), 202, {"Location": f"/api/v1/jobs/{removal.job_id}"}


@blueprint.post(
    "/import",
    operation_id="import_suppressions",
    summary="Import suppressions from a CSV file",
    openapi_extensions=_UPLOAD,
    responses={200: documents.SuppressionImport},
)
@needs("manage")
@bodies.read_by_itself
def import_() -> Response:
    """One address or domain a row, then a reason and an expiry if there are any. Rows that are wrong are left out."""
    imported = web().services.suppressions.import_csv(_uploaded())
    return jsonify(
        {
            "imported": imported.imported,
            "refused_count": imported.refused_count,
            "refused": [{"line": one.line, "message": one.message} for one in imported.refused],
        }
    )


@blueprint.get(
    "/export", operation_id="export_suppressions", summary="Export all suppressions as CSV", responses={200: _CSV}
)
@needs("read")
def export() -> Response:
    """The import takes it back. Cells that a spreadsheet could run begin with an apostrophe."""
    return csv_download()


def csv_download() -> Response:
    """Read from the database while it is sent, whatever its length."""
    headers = {"Content-Disposition": 'attachment; filename="suppressions.csv"'}
    lines = web().services.suppressions.export_csv()
    return Response(lines, headers=headers, content_type="text/csv; charset=utf-8")


def _uploaded() -> bytes:
    if request.mimetype == "text/csv":
        return request.get_data()
    file = request.files.get("file")
    if file is None or set(request.files) != {"file"}:
        remedy = "Send CSV as text/csv, or as one file of multipart/form-data in the field 'file'."
        raise InvalidInput([FieldError("file", remedy, "required")])
    content: bytes = file.read()
    return content


def _one(key: str) -> Response:
    with web().read() as session:
        found = suppressions.one(session, key)
        if found is None or found.has_expired(web().clock()):
            raise NotFound("suppression", key)
        return jsonify(_represented(found, suppressions.stopped_counts(session, [found.id])))


def _represented(entry: Suppression, stopped: dict[str, int]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "address": entry.address,
        "reason": entry.reason,
        "source": entry.source,
        "stopped": stopped.get(entry.id, 0),
        "created_at": representations.moment(entry.created_at),
        "expires_at": representations.moment(entry.expires_at),
    }
