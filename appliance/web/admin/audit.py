"""/audit: who changed what, when and from where."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, render_template, request

from appliance.db.queries import audit
from appliance.db.queries.audit import AuditFilters
from appliance.errors import NotFound
from appliance.web.admin import audit_words, moments
from appliance.web.context import web

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

PAGE = 50
LONGEST = 320
FIELDS = ("actor", "action", "target", "since", "until")


@blueprint.get("")
def index() -> str:
    asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in FIELDS}
    filters = AuditFilters(
        asked["actor"], asked["action"], asked["target"], moments.given("since"), moments.given("until")
    )
    before = request.args.get("before") or None
    with web().read() as session:
        found, next_id = audit.page(session, filters, before=before, limit=PAGE)
        actions = audit.actions(session)
    kept = {name: text for name, text in asked.items() if text}
    groups = _by_noun(actions)
    offered = asked["action"] in {*actions, *(f"{noun}." for noun in groups)}
    listing = {"found": found, "next_id": next_id, "before": before, "words": audit_words}
    return render_template("audit.html", asked=asked, kept=kept, groups=groups, offered=offered, **listing)


@blueprint.get("/<entry_id>")
def show(entry_id: str) -> str:
    with web().read() as session:
        entry = audit.one(session, entry_id)
    if entry is None:
        raise NotFound("audit entry", entry_id)
    return render_template("audit_entry.html", entry=entry, words=audit_words)


def _by_noun(actions: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """`key`: all that befell API keys. In the order of what a person reads."""
    nouns = sorted({action.partition(".")[0] for action in actions}, key=audit_words.noun_title)
    return {
        noun: sorted((one for one in actions if one.startswith(f"{noun}.")), key=audit_words.title) for noun in nouns
    }
