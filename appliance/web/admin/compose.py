"""/compose: write a message or make one from a template, see what would become of it, send it."""

from collections import OrderedDict
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from appliance.db.models import Attachment
from appliance.db.models.message import Priority
from appliance.db.queries import accounts, attachments, messages, templates
from appliance.db.queries.messages import Detail
from appliance.errors import FieldError, IdempotencyKeyReused, InvalidInput, LimitReached, NotFound, Unavailable
from appliance.services import intake
from appliance.services.attachments import StoredFile
from appliance.services.submit_message import Submitter
from appliance.services.template_variables import Variable
from appliance.web import security
from appliance.web.admin.compose_form import ComposeForm, Draft, variable_fields
from appliance.web.admin.notices import notice
from appliance.web.admin.own_names import own_name
from appliance.web.context import web

blueprint = Blueprint("compose", __name__, url_prefix="/compose")

MOST_TEMPLATES = 200
MOST_FILES = 50
MOST_PREVIEWS = 20
REMOVE = "remove:"
"""Begins the value of the button that takes an attachment out again."""


@blueprint.get("")
def index() -> str:
    """`?to=`, `?subject=` and `?template=` fill it in; `?examples=1` fills in the variables of the template.

    `?copy=` names a message to begin from.
    """
    form = ComposeForm(formdata=None)
    for name in ("to", "subject", "template", "account"):
        form[name].data = request.args.get(name, "")[:998]
    form.renew()
    if request.args.get("copy"):
        form.copy(_detail(request.args["copy"]))
        notice("message_copied")
    draft = Draft(form, variable_fields(_declared(form), examples="examples" in request.args))
    return _page(draft, [])


@blueprint.post("")
def change() -> Any:
    """Which button was pressed says what happens; whatever it is, nothing that was typed is lost."""
    form, pressed = ComposeForm(), request.form.get("do", "")
    uploads = _uploads(form, pressed)
    draft = Draft(form, variable_fields(_declared(form), examples=pressed == "examples"), _stored(uploads))
    if pressed not in ("preview", "send"):
        return _page(draft, uploads)
    if form.files.errors:
        return _page(draft, uploads), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        return _send(draft) if pressed == "send" else _preview(draft, uploads)
    except InvalidInput as error:
        draft.blame(error)
        return _page(draft, uploads), HTTPStatus.UNPROCESSABLE_ENTITY
    except IdempotencyKeyReused:
        form.renew()
        form.form_errors.append(
            _("This form has sent a message already, with other words. Send again to send this one too.")
        )
        return _page(draft, uploads), HTTPStatus.CONFLICT
    except (LimitReached, Unavailable) as error:
        form.form_errors.append(str(error))
        return _page(draft, uploads), HTTPStatus.SERVICE_UNAVAILABLE


@blueprint.get("/preview/<token>")
def html(token: str) -> Response:
    """The HTML of a preview, for a frame that nothing gets out of."""
    found = _previews().get((current_user.id, token))
    if found is None:
        raise NotFound("preview", token)
    return security.as_mail(Response(found, content_type="text/html; charset=utf-8"))


def _send(draft: Draft) -> Any:
    """A double click sends once: the form's token is the idempotency key."""
    command = draft.command()
    intake.within_limits(command, web().settings.limits)
    key = (draft.form.token.data or "")[:64] or None
    accepted = web().services.submission.submit(command, Submitter(None, g.request_id), key)
    notice("message_accepted_before" if accepted.replayed else "message_accepted")
    return redirect(url_for("admin.messages.show", message_id=accepted.id))


def _preview(draft: Draft, uploads: list[Attachment]) -> str:
    command = draft.command()
    intake.within_limits(command, web().settings.limits)
    filled = web().services.template_rendering.fill(command)
    result = web().services.dry_run.run(filled, {})
    token = draft.form.token.data or ""
    if filled.html is not None:
        _remember((current_user.id, token), filled.html)
    return _page(draft, uploads, preview=result, made=filled)


def _detail(message_id: str) -> Detail:
    with web().read() as session:
        found = messages.detail(session, message_id)
    if found is None:
        raise NotFound("message", message_id)
    return found


def _declared(form: ComposeForm) -> list[Variable]:
    """The variables of the chosen template; one that is gone is said to be."""
    slug = form.template.data
    if not slug:
        return []
    with web().read() as session:
        template = templates.by_slug(session, slug)
        version = templates.version(session, template.id, template.version) if template else None
    if version is None:
        form.blame(InvalidInput([FieldError("template", _("There is no such template any more. Choose another one."))]))
        return []
    return [Variable(**one) for one in version.variables]


def _uploads(form: ComposeForm, pressed: str) -> list[Attachment]:
    """Those that were uploaded with the form before, and those that came with it now."""
    ids = list(dict.fromkeys(request.form.getlist("attachment")))[:MOST_FILES]
    ids = [one for one in ids if one != pressed.removeprefix(REMOVE)]
    for file in request.files.getlist("files"):
        if not file.filename:
            continue
        try:
            ids.append(web().services.attachments.upload(file.filename, file.mimetype, file.read(), None))
        except InvalidInput as error:
            words = [f"{file.filename}: {one.message}" for one in error.errors]
            form.files.errors = [*form.files.errors, *words]
        except (LimitReached, Unavailable) as error:
            form.files.errors = [*form.files.errors, f"{file.filename}: {error}"]
    with web().read() as session:
        found = [attachments.one(session, one, api_key_id=None, now=web().clock()) for one in ids]
    if None in found:
        form.files.errors = [*form.files.errors, _("A file that was attached has expired. Add it again.")]
    return [one for one in found if one is not None]


def _stored(uploads: list[Attachment]) -> list[StoredFile]:
    return [StoredFile(one.filename, one.content_type, one.size, one.sha256) for one in uploads]


def _page(draft: Draft, uploads: list[Attachment], **facts: Any) -> str:
    with web().read() as session:
        offered, _more = templates.page(session, limit=MOST_TEMPLATES)
        senders = accounts.by_priority(session)
    draft.form.template.choices = [("", _("none")), *((one.slug, f"{one.name} ({one.slug})") for one in offered)]
    draft.form.account.choices = [("", _("any")), *((one.id, own_name(one.name)) for one in senders)]
    draft.form.priority.choices = [one.name.lower() for one in Priority]
    return render_template("compose.html", form=draft.form, draft=draft, uploads=uploads, remove=REMOVE, **facts)


def begin(app: Flask) -> None:
    app.extensions["postroom_previews"] = OrderedDict()


def _previews() -> OrderedDict[tuple[str, str], str]:
    """The latest HTML of each form, in memory: nobody needs it for longer than a look."""
    found: OrderedDict[tuple[str, str], str] = current_app.extensions["postroom_previews"]
    return found


def _remember(key: tuple[str, str], content: str) -> None:
    kept = _previews()
    kept[key] = content
    kept.move_to_end(key)
    while len(kept) > MOST_PREVIEWS:
        kept.popitem(last=False)
