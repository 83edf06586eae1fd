"""`python run.py secrets rotate`: encrypts what is stored with a new key, while nothing runs.

The file of the key holds both keys from before the first row is rewritten until after the last. So whenever this
process dies, everything can be read; and whoever runs the command again finishes what was begun.
"""

import argparse
import sys

from appliance.bootstrap import open_database, prepared_data_directory
from appliance.clock import utc_now
from appliance.config.data_dir import DataDirectory
from appliance.config.loader import Loaded
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.services.secret_rotation import SecretRotation

NAME = "secrets"
HELP = "change the key that passwords are encrypted with"
NEEDS_SETTINGS = True
KEY = "encryption_key"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    text = "encrypt what is stored with a new key, while the appliance is stopped"
    actions.add_parser("rotate", help=text, description=text)


def run(_arguments: argparse.Namespace, loaded: Loaded) -> int:
    data_dir = prepared_data_directory(loaded.settings)
    data_dir.lock()
    try:
        database = open_database(loaded.settings)
        try:
            count = _rotate(data_dir, database)
        finally:
            database.stop()
    finally:
        data_dir.unlock()
    sys.stderr.write(
        f"There is a new key, and {count:,} secrets are encrypted with it. Make a backup now: one that was made before "
        f"without secrets needs the old key. The new one is in {data_dir.secrets / KEY}.\n"
    )
    return 0


def _rotate(data_dir: DataDirectory, database: Database) -> int:
    keys = data_dir.secret(KEY, Vault.new_key).split()
    if len(keys) == 1:  # else one was cut off
        keys = [Vault.new_key(), *keys]
        data_dir.replace_secret(KEY, "\n".join(keys))
    newest = Vault(keys[0])
    count = SecretRotation(database, Vault("\n".join(keys)), newest, clock=utc_now).rewrite()
    data_dir.replace_secret(KEY, keys[0])
    return count
