"""/docs/errors/: what each error code means and what to do. Open to all: whoever meets an error may have no account."""

from flask import Blueprint, render_template

from appliance.errors import NotFound
from appliance.language import gettext
from appliance.web.api.error_codes import DOCS, ERROR_CODES, FIELD_CODES

blueprint = Blueprint("error_docs", __name__, url_prefix=DOCS)


@blueprint.get("/")
def index() -> str:
    return render_template("error_codes.html", codes=ERROR_CODES.values(), said=gettext)


@blueprint.get("/<code>")
def show(code: str) -> str:
    if code not in ERROR_CODES:
        raise NotFound("error code", code)
    return render_template("error_code.html", error=ERROR_CODES[code], field_codes=FIELD_CODES, said=gettext)
