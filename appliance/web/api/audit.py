"""/api/v1/audit: who changed what, when and from where."""

from typing import Any

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.models import AuditEntry
from appliance.db.queries import audit
from appliance.db.queries.audit import AuditFilters
from appliance.web.api import job_documents, paging
from appliance.web.api.authentication import needs
from appliance.web.api.job_schemas import AuditQuery
from appliance.web.api.representations import moment
from appliance.web.context import web

TAG = Tag(name="audit", description="Who changed what.")

blueprint = APIBlueprint("audit", __name__, url_prefix="/audit", abp_tags=[TAG])


@blueprint.get("", operation_id="list_audit", summary="List changes", responses={200: job_documents.AuditPage})
@needs("manage")
def index(query: AuditQuery) -> Response:
    """Newest first: every change that a person or a program made, and every sign-in."""
    filters = AuditFilters(query.actor, query.action, query.target, query.since, query.until)
    with web().read() as session:
        found, next_id = audit.page(session, filters, before=paging.decode(query.cursor), limit=query.limit)
    return jsonify(paging.page([_represented(one) for one in found], next_id))


def _represented(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": moment(entry.at),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "detail": entry.detail,
        "request_id": entry.request_id,
    }
