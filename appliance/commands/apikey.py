"""`python run.py apikey create|revoke|list`, also while the appliance runs."""

import argparse
import sys

from appliance.bootstrap import open_database, prepared_data_directory
from appliance.clock import utc_now
from appliance.config.loader import Loaded
from appliance.db.queries import access
from appliance.services.api_keys import SCOPES, ApiKeys

NAME = "apikey"
HELP = "create, revoke or list API keys"
NEEDS_SETTINGS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    create = actions.add_parser("create", help="make a key; it is printed once, alone on standard output")
    create.add_argument("--name", required=True, help="which program uses it")
    create.add_argument(
        "--scopes",
        default="send,read",
        metavar="LIST",
        help=f"what it opens, of {','.join(SCOPES)} (default: send,read)",
    )
    revoke = actions.add_parser("revoke", help="make a key useless, at once and for good")
    revoke.add_argument("id", help="its id, as `apikey list` shows it")
    actions.add_parser("list", help="show all keys, without their secrets")


def run(arguments: argparse.Namespace, loaded: Loaded) -> int:
    prepared_data_directory(loaded.settings)
    database = open_database(loaded.settings)
    keys = ApiKeys(database, clock=utc_now)
    try:
        if arguments.action == "create":
            made = keys.create(
                arguments.name, [scope.strip() for scope in arguments.scopes.split(",") if scope.strip()]
            )
            sys.stdout.write(f"{made.secret}\n")
            sys.stderr.write(f"{made.id} can {arguments.scopes}. The key is not shown again.\n")
        elif arguments.action == "revoke":
            keys.revoke(arguments.id)
            sys.stderr.write(f"{arguments.id} is revoked.\n")
        else:
            with database.read() as session:
                for key in access.api_keys(session):
                    state = "revoked" if key.revoked_at else "active"
                    sys.stdout.write(f"{key.id}\t{state}\t{','.join(key.scopes)}\t{key.name}\n")
    finally:
        database.stop()
    return 0
