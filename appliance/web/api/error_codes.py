"""Every code that an error of the API can carry: a closed list, and the source of the pages under /docs/errors/.

A code stays what it is for ever: programs decide by it. The words around it may change. Programs read them in English,
people in their own language (web/error_docs.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

DOCS = "/docs/errors"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    code: str
    status: HTTPStatus
    title: str
    cause: str
    remedy: str

    @property
    def page(self) -> str:
        return f"{DOCS}/{self.code}"


INVALID_JSON = ErrorCode(
    "invalid_json",
    HTTPStatus.BAD_REQUEST,
    "The body is not a JSON object",
    "The body is empty, cut short, not in UTF-8, or JSON that programs read differently: NaN, a name that occurs twice "
    "in one object, or more than a few hundred levels. An array, a text or a number is JSON, but not an object.",
    "Send one JSON object, such as {...}. The detail says at which character reading stopped.",
)
BAD_REQUEST = ErrorCode(
    "bad_request",
    HTTPStatus.BAD_REQUEST,
    "The request cannot be understood",
    "The HTTP request itself is malformed: a form that breaks off, a Host header that names no host, or the like. Or "
    "it was sent to a page for people, whose forms carry a token that this one lacked.",
    "Look at what your HTTP client sends; a proxy between you and the appliance may have changed it. Programs use the "
    "addresses under /api/v1.",
)
UNAUTHENTICATED = ErrorCode(
    "unauthenticated",
    HTTPStatus.UNAUTHORIZED,
    "No valid API key",
    "There is no Authorization header, or its key is unknown, expired, disabled or revoked.",
    "Send the header Authorization: Bearer <key>. Keys are made under API keys, or on the box by the command "
    "`apikey create --name my-program --scopes send,read` of run.py.",
)
FORBIDDEN = ErrorCode(
    "forbidden",
    HTTPStatus.FORBIDDEN,
    "The API key lacks a scope",
    "The key is good, but it was made without the scope that this operation needs: send, read or manage.",
    "Use a key that has the scope that the detail names, or let somebody give it to this one under API keys.",
)
NOT_ALLOWED = ErrorCode(
    "not_allowed",
    HTTPStatus.FORBIDDEN,
    "The API key may not use this",
    "The key is good and has the scope, but it is bound to certain From addresses or sender accounts, and the request "
    "names another one; or it would give a key more than it has itself.",
    "The list errors says for each field what is allowed. Name that, or let somebody change the key under API keys.",
)
NOT_FOUND = ErrorCode(
    "not_found",
    HTTPStatus.NOT_FOUND,
    "There is nothing at this address",
    "The path is mistyped, the thing was deleted, or it belongs to another API key: a key without the scope manage "
    "sees only its own messages.",
    "Check the path against /api/docs and the id against the answer that you have it from.",
)
METHOD_NOT_ALLOWED = ErrorCode(
    "method_not_allowed",
    HTTPStatus.METHOD_NOT_ALLOWED,
    "This address does not take that method",
    "The path exists, but not for this HTTP method.",
    "Use one of the methods that the header Allow of the answer names.",
)
WRONG_STATE = ErrorCode(
    "wrong_state",
    HTTPStatus.CONFLICT,
    "Not possible in the present state",
    "The thing exists, but what was asked makes no sense now: cancelling a message that was sent, retrying one that "
    "waits already, deleting the built-in mailbox.",
    "Read it again: its status and explanation say where it stands. Nothing was changed.",
)
CONTENT_REMOVED = ErrorCode(
    "content_removed",
    HTTPStatus.CONFLICT,
    "The content of the message is no longer kept",
    "The message has ended, and its body or its attachments were removed when they reached the age in [retention] "
    "body_days, attachment_days or failed_days. What became of it is still known.",
    "Submit the message anew. Longer ages keep the content of messages to come for longer.",
)
CONFLICT = ErrorCode(
    "conflict",
    HTTPStatus.CONFLICT,
    "Another one has this name already",
    "A name or key that must be unique is taken.",
    "Choose another one, or change the one that has it. Nothing was changed.",
)
IDEMPOTENCY_KEY_REUSED = ErrorCode(
    "idempotency_key_reused",
    HTTPStatus.CONFLICT,
    "The Idempotency-Key belongs to another message",
    "The same Idempotency-Key came within 24 hours with a body of another meaning. White space and the order of "
    "fields make no other meaning; any value that differs does.",
    "Make a new key for each new message, and keep it only to repeat that very message.",
)
REQUEST_TOO_LARGE = ErrorCode(
    "request_too_large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "The request is too large",
    "The body has more bytes than [web] max_request_mb of the configuration allows.",
    "Upload attachments one by one with POST /api/v1/attachments and name their ids, or raise the limit.",
)
UNSUPPORTED_MEDIA_TYPE = ErrorCode(
    "unsupported_media_type",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "The body is not declared as JSON",
    "The Content-Type header is missing or names something else than JSON. curl -d sends a form unless told otherwise.",
    "Send the header Content-Type: application/json.",
)
INVALID_FIELDS = ErrorCode(
    "invalid_fields",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Some fields are not right",
    "A field of the body, the query or a header is missing, misspelt, of the wrong kind or outside its limits.",
    "The list errors names every such field by its path, such as to[1].email, with what would be right.",
)
RATE_LIMITED = ErrorCode(
    "rate_limited",
    HTTPStatus.TOO_MANY_REQUESTS,
    "Too many requests a minute",
    "The API key has a limit of requests a minute, and they came faster. Nothing was done.",
    "Wait Retry-After seconds and repeat the request. RateLimit-Remaining says how many may come at once; a batch is "
    "one request.",
)
QUOTA_USED_UP = ErrorCode(
    "quota_used_up",
    HTTPStatus.TOO_MANY_REQUESTS,
    "The day's messages are used up",
    "The API key may submit so many messages a calendar day, in the time zone of the appliance, and this was one more. "
    "Nothing was accepted, and nothing of a batch.",
    "Repeat the request after Retry-After seconds, at midnight; send a smaller batch if Quota-Remaining allows one; or "
    "let somebody raise the key's limit.",
)
TOO_MANY_FAILURES = ErrorCode(
    "too_many_failures",
    HTTPStatus.TOO_MANY_REQUESTS,
    "Too many wrong API keys from here",
    "Many requests from this address had an API key that is unknown, expired, disabled or revoked. For a while no "
    "other key from there is looked at, right or wrong, so that keys cannot be guessed.",
    "Find the program that sends a wrong key and stop it, then wait Retry-After seconds. Programs whose key is in use "
    "already are not held up. Behind a reverse proxy, set [web] trusted_proxies, or everybody has its address.",
)
INTERNAL_ERROR = ErrorCode(
    "internal_error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Something went wrong here",
    "A fault of the appliance, not of the request.",
    "Its log has the details under the request_id of the answer. Repeat the request with the same Idempotency-Key: "
    "nothing is accepted twice.",
)
QUERY_TOO_SLOW = ErrorCode(
    "query_too_slow",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Looking for that takes too long",
    "The question reads so much of the database that it would hold up everybody else, so it was given up after a "
    "quarter of a second. A disk that is busy with something else makes this likelier.",
    "Ask for less: a shorter stretch of time with since and until, a status, a longer part of a subject.",
)
STORAGE_UNAVAILABLE = ErrorCode(
    "storage_unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The database takes nothing now",
    "A write could not be made durable: the disk is full, or the database is locked, read-only or unreachable.",
    "Nothing was accepted, so repeat the request after Retry-After seconds. Whoever runs the appliance should look at "
    "disk space; the command `check` of run.py says what is wrong.",
)
QUEUE_FULL = ErrorCode(
    "queue_full",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "As many messages wait as may",
    "More messages came than could be sent, until as many had gathered as [capacity] queue_messages allows.",
    "Nothing was accepted, so repeat the request after Retry-After seconds: as soon as some were sent there is room. "
    "Whoever runs the appliance sees on the status page what the others wait for.",
)
DISK_FULL = ErrorCode(
    "disk_full",
    HTTPStatus.INSUFFICIENT_STORAGE,
    "The disk has no room for new mail",
    "Less is free on the disk of the data directory than [capacity] min_free_mb. Mail that was accepted goes out.",
    "Nothing was accepted, so repeat the request after Retry-After seconds. Whoever runs the appliance makes room; "
    "nothing has to be restarted.",
)
TEMPORARILY_UNAVAILABLE = ErrorCode(
    "temporarily_unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Something needed does not answer now",
    "A part of the appliance, or a server that it uses, does not answer at the moment.",
    "Nothing was changed. Repeat the request after Retry-After seconds; /health says which part it is.",
)

ERROR_CODES: Mapping[str, ErrorCode] = {
    one.code: one
    for one in (
        INVALID_JSON,
        BAD_REQUEST,
        UNAUTHENTICATED,
        FORBIDDEN,
        NOT_ALLOWED,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        WRONG_STATE,
        CONTENT_REMOVED,
        CONFLICT,
        IDEMPOTENCY_KEY_REUSED,
        REQUEST_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        INVALID_FIELDS,
        RATE_LIMITED,
        QUOTA_USED_UP,
        TOO_MANY_FAILURES,
        INTERNAL_ERROR,
        QUERY_TOO_SLOW,
        STORAGE_UNAVAILABLE,
        QUEUE_FULL,
        DISK_FULL,
        TEMPORARILY_UNAVAILABLE,
    )
}

FIELD_CODES: Mapping[str, str] = {
    "required": "The field is missing, and the request makes no sense without it.",
    "unknown_field": "There is no such field: probably it is misspelt.",
    "invalid": "The value is of the wrong kind, malformed or outside its range.",
    "too_many": "There are more entries than the limit allows.",
    "too_large": "There are more bytes than the limit allows.",
    "not_allowed": "The API key may not use that value; the message says what it may.",
    "not_found": "It names something that does not exist, or no longer.",
    "type_not_allowed": "Files of this type are not taken; [limits] attachment_types says which are.",
    "type_mismatch": "The content of the file is something else than its type says.",
}
"""What `errors[].code` can say."""
