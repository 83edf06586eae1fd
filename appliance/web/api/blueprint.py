"""All of /api/v1 in one blueprint, behind one authentication."""

from flask_openapi3 import APIBlueprint

from appliance.web.api import accounts, attachments, batch, bodies, messages, suppressions, system, templates
from appliance.web.api.authentication import authenticate

PREFIX = "/api/v1"


def api() -> APIBlueprint:
    blueprint = APIBlueprint("api", __name__, url_prefix=PREFIX, abp_security=[{"api_key": []}])
    blueprint.before_request(authenticate)
    blueprint.before_request(bodies.check)
    for part in (messages, batch, attachments, accounts, suppressions, templates, system):
        blueprint.register_api(part.blueprint)
    return blueprint
