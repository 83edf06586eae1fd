"""/api/v1/attachments, and the attachments of a message that is submitted."""

import base64
import binascii
import string
from functools import partial
from typing import Any

from flask import Response, jsonify, request
from flask_openapi3 import APIBlueprint, Tag

from appliance.db.models import Attachment
from appliance.db.queries import attachments
from appliance.errors import FieldError, InvalidInput, NotFound
from appliance.services.attachments import StoredFile
from appliance.web.api import bodies, documents, representations
from appliance.web.api.authentication import caller, needs
from appliance.web.api.schemas import AttachmentPath, AttachmentRequest
from appliance.web.context import web

TAG = Tag(name="attachments", description="Files, uploaded once and sent with as many messages as you like.")

blueprint = APIBlueprint("attachments", __name__, url_prefix="/attachments", abp_tags=[TAG])

LARGE = 64 * 1024  # characters; less is decoded in a millisecond

_SPACES = string.whitespace.encode()
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            }
        },
    }
}


@blueprint.post(
    "",
    operation_id="upload_attachment",
    summary="Upload a file",
    openapi_extensions=_UPLOAD,
    responses={201: documents.AttachmentDocument},
)
@needs("send")
@bodies.read_by_itself
def upload() -> tuple[Response, int, dict[str, str]]:
    """Name its id in `attachments` of a message."""
    file = request.files.get("file")
    if file is None or set(request.files) != {"file"}:
        raise InvalidInput(
            [FieldError("file", "Send one file as multipart/form-data in the field 'file'.", "required")]
        )
    attachment_id = web().services.attachments.upload(
        file.filename or "", file.mimetype, file.read(), caller().api_key_id
    )
    return _one(attachment_id), 201, {"Location": f"/api/v1/attachments/{attachment_id}"}


@blueprint.get(
    "/<string:id>",
    operation_id="show_attachment",
    summary="One uploaded file",
    responses={200: documents.AttachmentDocument},
)
@needs("send")
def show(path: AttachmentPath) -> Response:
    return _one(path.id)


@blueprint.delete(
    "/<string:id>", operation_id="delete_attachment", summary="Delete an uploaded file", responses={204: None}
)
@needs("send")
def delete(path: AttachmentPath) -> tuple[str, int]:
    """Messages that have it keep it."""
    web().services.attachments.delete(path.id, caller().sees_only)
    return "", 204


def described(wanted: list[AttachmentRequest]) -> tuple[tuple[StoredFile, ...], dict[str, bytes]]:
    """The files of a message, and by SHA-256 the bytes of those that are not on disk yet.

    Raises InvalidInput with every attachment that is not right.
    """
    files: list[StoredFile] = []
    contents: dict[str, bytes] = {}
    errors: list[FieldError] = []
    for index, one in enumerate(wanted):
        try:
            files.append(_described(one, f"attachments[{index}]", contents))
        except InvalidInput as error:
            errors += error.errors
    if errors:
        raise InvalidInput(errors)
    return tuple(files), contents


def _described(wanted: AttachmentRequest, field: str, contents: dict[str, bytes]) -> StoredFile:
    service = web().services.attachments
    if wanted.id is not None:
        return service.named(wanted.id, caller().sees_only, f"{field}.id", wanted.content_id)
    content = _content_of(wanted.content or "", f"{field}.content")
    file = service.describe(wanted.filename or "", wanted.content_type, content, f"{field}.content", wanted.content_id)
    contents[file.sha256] = content
    return file


def _content_of(written: str, field: str) -> bytes:
    try:
        if len(written) < LARGE:
            return _decoded(written)
        content: bytes = web().run_native(partial(_decoded, written))
        return content
    except (binascii.Error, ValueError) as error:
        raise InvalidInput([FieldError(field, "Send the file's bytes in base64 (RFC 4648 section 4).")]) from error


def _decoded(written: str) -> bytes:
    return base64.b64decode(written.encode("ascii").translate(None, _SPACES), validate=True)


def _one(attachment_id: str) -> Response:
    with web().read() as session:
        found = attachments.one(session, attachment_id, api_key_id=caller().sees_only, now=web().clock())
        if found is None:
            raise NotFound("attachment", attachment_id)
        return jsonify(_represented(found))


def _represented(attachment: Attachment) -> dict[str, Any]:
    return {
        "id": attachment.id,
        "filename": attachment.filename,
        "size": attachment.size,
        "content_type": attachment.content_type,
        "sha256": attachment.sha256,
        "created_at": representations.moment(attachment.created_at),
        "expires_at": representations.moment(attachment.expires_at),
    }
