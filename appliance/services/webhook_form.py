"""What a person or program sets of an endpoint, and what is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from appliance.db.models.event import EventKind
from appliance.db.models.webhook_endpoint import EVERYTHING
from appliance.errors import FieldError, InvalidInput
from appliance.language import gettext
from appliance.services.webhook_payload import PAUSED
from appliance.webhooks.network import NetworkPolicy

LONGEST_URL = 2000
LONGEST_DESCRIPTION = 200
KINDS = (*(str(kind) for kind in EventKind), PAUSED)
GROUPS = tuple(dict.fromkeys(f"{kind.partition('.')[0]}.*" for kind in KINDS))
SUBSCRIBABLE = (EVERYTHING, *GROUPS, *KINDS)


@dataclass(frozen=True, slots=True)
class EndpointForm:
    """`events`: kinds, `message.*` for all of a sort, `*` for all."""

    url: str
    description: str = ""
    events: Sequence[str] = field(default=(EVERYTHING,))


@dataclass(frozen=True, slots=True)
class UrlRules:
    policy: NetworkPolicy
    allow_http: bool


def check(form: EndpointForm, rules: UrlRules) -> EndpointForm:
    """As it is stored. Raises InvalidInput with all that is wrong."""
    url, problems = _checked_url(form.url.strip(), rules)
    errors = [FieldError("url", problem) for problem in problems]
    if len(form.description) > LONGEST_DESCRIPTION or not form.description.isprintable():
        remedy = gettext("Give at most %(most)s characters in one line.", most=LONGEST_DESCRIPTION)
        errors.append(FieldError("description", remedy))
    errors += _event_errors(form.events)
    if errors:
        raise InvalidInput(errors)
    return EndpointForm(url, form.description.strip(), _tidy(form.events))


def _event_errors(events: Sequence[str]) -> list[FieldError]:
    known = ", ".join(SUBSCRIBABLE)
    if not events:
        return [FieldError("events", gettext("Name at least one of %(known)s.", known=known), "required")]
    return [
        FieldError(
            f"events[{index}]",
            gettext("There is no event %(event)s. Choose from %(known)s.", event=repr(event[:60]), known=known),
        )
        for index, event in enumerate(events)
        if event not in SUBSCRIBABLE
    ]


def _tidy(events: Sequence[str]) -> list[str]:
    """Each once, in the order of the list of all, and none that another one contains."""
    if EVERYTHING in events:
        return [EVERYTHING]
    return [one for one in SUBSCRIBABLE if one in events and (one in GROUPS or _group_of(one) not in events)]


def _group_of(kind: str) -> str:
    return f"{kind.partition('.')[0]}.*"


def _checked_url(text: str, rules: UrlRules) -> tuple[str, list[str]]:
    """The URL as it is stored, and all that is wrong with it, each with its remedy."""
    problems = []
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text:
        problems.append(gettext("Give a URL of at most %(most)s characters, without spaces.", most=LONGEST_URL))
    try:
        parts = urlsplit(text)
        host, port = _ascii_host(parts.hostname or ""), parts.port
    except ValueError:
        return "", problems or [gettext("This is no URL. Give one such as https://example.com/hooks.")]
    problems += _problems(parts, host, rules)
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None else f"{shown}:{port}"
    return parts._replace(netloc=place, fragment="", path=parts.path or "/").geturl(), problems


def _problems(parts: SplitResult, host: str, rules: UrlRules) -> list[str]:
    if parts.scheme not in ("http", "https"):  # then the rest is not to be read as that of a web address
        return [gettext("Give a URL that starts with https://.")]
    checks: Mapping[str, bool] = {
        gettext("Give a URL with https://: http is not encrypted ([webhooks] allow_http allows it)."): (
            parts.scheme == "http" and not rules.allow_http
        ),
        gettext("Give a URL with a host, such as https://example.com/hooks."): not host,
        gettext("Leave out user and password: webhooks are signed, and a URL is no place for secrets."): (
            parts.username is not None or parts.password is not None
        ),
        gettext("Write the path in ASCII; other characters percent-encoded."): not (parts.path + parts.query).isascii(),
        gettext(
            "%(host)s is not a public address, so nothing is sent there ([webhooks] allow_networks can allow it).",
            host=host,
        ): (_is_refused(host, rules.policy)),
    }
    return [problem for problem, applies in checks.items() if applies]


def _is_refused(host: str, policy: NetworkPolicy) -> bool:
    """A name is looked at when it is connected to: what it leads to may change at any time."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost" and not policy.allow_private and not policy.allows("127.0.0.1")
    return not policy.allows(host)


def _ascii_host(host: str) -> str:
    """Raises ValueError."""
    if ":" in host:
        return str(ip_address(host))
    name = host.encode("idna").decode("ascii") if not host.isascii() else host
    if name and not all(char.isalnum() or char in "-._" for char in name):
        raise ValueError("no host name")
    return name
