"""All of /api/v1 in one blueprint, behind one authentication."""

from flask_openapi3 import APIBlueprint

from appliance.web.api import (
    accounts,
    attachments,
    audit,
    backups,
    batch,
    bodies,
    box,
    bulk,
    jobs,
    keys,
    limits,
    messages,
    options,
    retention,
    statistics,
    suppressions,
    system,
    templates,
    webhooks,
)
from appliance.web.api.authentication import authenticate

PREFIX = "/api/v1"


def api() -> APIBlueprint:
    blueprint = APIBlueprint("api", __name__, url_prefix=PREFIX, abp_security=[{"api_key": []}])
    blueprint.before_request(authenticate)
    blueprint.before_request(bodies.check)
    blueprint.after_request(limits.tell)
    blueprint.after_request(options.tell)
    for part in (
        messages,
        batch,
        bulk,
        attachments,
        accounts,
        suppressions,
        templates,
        keys,
        statistics,
        webhooks,
        jobs,
        audit,
        retention,
        box,
        backups,
        system,
    ):
        blueprint.register_api(part.blueprint)
    return blueprint
