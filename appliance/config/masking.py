"""Takes out of a log line what does not belong there: whole e-mail addresses, passwords, forged lines."""

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(r"passw|secret|token|authorization|api_?key|cookie|credential", re.IGNORECASE)
_SECRET = re.compile(r"\b(?P<kind>pr_|whsec_|[Bb]earer |[Bb]asic )[A-Za-z0-9+/=._~-]{8,1024}")
_URL_PASSWORD = re.compile(r"(?P<before>\w://[^\s/@:]{0,256}:)[^\s/]{1,256}@")
# lengths are bounded (RFC 5321 section 4.5.3.1.1), so that no text makes the search slow
_LOCAL_PART = r"""(?:"[^"\r\n]{1,64}"|[^\s@<>"'(),:;=\[\]\\]{1,64})"""
_ADDRESS = re.compile(rf"(?P<local>{_LOCAL_PART})@(?=[\w\[])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_DEPTH = 4


def masked(text: str) -> str:
    """`text` with `u***@example.com` for each address, and without API keys, signing secrets, passwords of URLs."""
    text = _SECRET.sub(r"\g<kind>***", text)
    if "@" not in text:
        return text
    text = _URL_PASSWORD.sub(r"\g<before>***@", text)
    return _ADDRESS.sub(_mask_address, text)


def masked_value(value: Any, key: str = "", depth: int = 0) -> Any:
    """What of `value` may be logged under `key`; what is inside mappings and sequences is masked too."""
    if isinstance(value, bool | int | float | None):
        return value
    if key and _SECRET_KEY.search(key):
        return REDACTED
    if isinstance(value, str):
        return masked(value)
    if depth < _DEPTH and isinstance(value, Mapping):
        return {name: masked_value(item, str(name), depth + 1) for name, item in value.items()}
    if depth < _DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [masked_value(item, depth=depth + 1) for item in value]
    return masked(str(value))


def one_line(text: str) -> str:
    r"""`text` with control characters written as `\n`: nobody outside can make up a line of the log."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def _mask_address(match: re.Match[str]) -> str:
    local = match["local"].lstrip('"')
    return f"{'' if local == '***' else local[:1]}***@"
