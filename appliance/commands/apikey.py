"""`python run.py apikey create|revoke|enable|disable|list`, also while the appliance runs."""

import argparse
import sys
from datetime import datetime, timedelta

from appliance.bootstrap import open_database, prepared_data_directory
from appliance.clock import local_date, utc_now
from appliance.config.loader import Loaded
from appliance.db.database import Database
from appliance.db.models import ApiKey
from appliance.db.models.audit_entry import ActorKind
from appliance.db.queries import access
from appliance.program import PROGRAM
from appliance.services.api_keys import SCOPES, ApiKeys
from appliance.services.audit import Actor, act_as
from appliance.services.key_form import LARGEST
from appliance.services.key_limits import KeyLimits

NAME = "apikey"
HELP = "create, change or list API keys"
NEEDS_SETTINGS = True
ACTOR = Actor(ActorKind.COMMAND, "apikey", f"{PROGRAM} apikey")

VERBS = {
    "revoke": ("make a key useless, at once and for good", "is revoked"),
    "disable": ("make a key useless until it is enabled again", "is disabled"),
    "enable": ("let a disabled key work again", "is enabled"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    _add_options(actions.add_parser("create", help="make a key; it is printed once, alone on standard output"))
    for verb, (text, _) in VERBS.items():
        one = actions.add_parser(verb, help=text)
        one.add_argument("id", help="its id, as `apikey list` shows it")
    actions.add_parser("list", help="show all keys, without their secrets")


def _add_options(create: argparse.ArgumentParser) -> None:
    scopes = f"what it opens, of {','.join(SCOPES)} (default: send,read)"
    create.add_argument("--name", required=True, help="which program uses it")
    create.add_argument("--scopes", default="send,read", metavar="LIST", help=scopes)
    create.add_argument("--expires-days", type=_days, metavar="N", help="it works for so many days (default: for ever)")
    create.add_argument("--rate", type=_limit, metavar="N", help="requests a minute")
    create.add_argument("--daily", type=_limit, metavar="N", help="messages a day")
    create.add_argument(
        "--account", action="append", default=[], metavar="ID", help="a sender account that it may use; may be repeated"
    )
    create.add_argument(
        "--from",
        dest="senders",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="an address that it may send from, @example.com, or @*.example.com; may be repeated",
    )


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    prepared_data_directory(loaded.settings)
    database = open_database(loaded.settings)
    keys = ApiKeys(database, loaded.settings.limits, clock=utc_now)
    try:
        with act_as(ACTOR):
            if arguments.action == "create":
                _create(arguments, keys)
            elif arguments.action == "list":
                _list(database, keys, local_date(utc_now(), loaded.settings.zone))
            else:
                getattr(keys, arguments.action)(arguments.id)
                sys.stderr.write(f"{arguments.id} {VERBS[arguments.action][1]}.\n")
    finally:
        database.stop()
    return 0


def _create(arguments: argparse.Namespace, keys: ApiKeys) -> None:
    scopes = [scope.strip() for scope in arguments.scopes.split(",") if scope.strip()]
    expires_at = utc_now() + timedelta(days=arguments.expires_days) if arguments.expires_days else None
    limits = KeyLimits(arguments.rate, arguments.daily, tuple(arguments.account), tuple(arguments.senders))
    made = keys.create(arguments.name, scopes, expires_at, limits)
    sys.stdout.write(f"{made.secret}\n")
    sys.stderr.write(f"{made.id} can {arguments.scopes}. The key is not shown again.\n")


def _list(database: Database, keys: ApiKeys, today: str) -> None:
    now = utc_now()
    with database.read() as session:
        found = access.api_keys(session)
    for key in found:
        columns = (
            key.id,
            key.state(now),
            ",".join(key.scopes),
            _used(key, keys, today),
            _last(key.last_used_at),
            key.name,
        )
        sys.stdout.write("\t".join(columns) + "\n")


def _used(key: ApiKey, keys: ApiKeys, today: str) -> str:
    limit = keys.limits_of(key).daily_limit
    return f"{key.used_on(today)}/{limit} today" if limit is not None else "no limit"


def _last(at: datetime | None) -> str:
    return f"used {at:%Y-%m-%dT%H:%M:%SZ}" if at else "never used"


def _days(text: str) -> int:
    return _number(text, "days", 36500)


def _limit(text: str) -> int:
    return _number(text, "requests or messages", LARGEST)


def _number(text: str, of_what: str, most: int) -> int:
    digits = text.isdecimal() and text.isascii() and len(text) <= len(str(most))
    if not (digits and 1 <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"give a number of {of_what} from 1 to {most}, not {text[:40]!r}")
    return int(text)
