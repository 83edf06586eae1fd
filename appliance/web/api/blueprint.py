"""All of /api/v1 in one blueprint, behind one authentication."""

from flask_openapi3 import APIBlueprint

from appliance.web.api import accounts, attachments, bodies, messages, system
from appliance.web.api.authentication import authenticate

PREFIX = "/api/v1"


def api() -> APIBlueprint:
    blueprint = APIBlueprint("api", __name__, url_prefix=PREFIX, abp_security=[{"api_key": []}])
    blueprint.before_request(authenticate)
    blueprint.before_request(bodies.check)
    for part in (messages.blueprint, attachments.blueprint, accounts.blueprint, system.blueprint):
        blueprint.register_api(part)
    return blueprint
