"""The composition root: the one place that builds everything and ties it together."""

from appliance.bootstrap.core import (
    Core,
    build_core,
    open_database,
    prepared_data_directory,
    secret_from,
    user_changes_of,
    users_of,
)
from appliance.bootstrap.process import run_appliance

__all__ = [
    "Core",
    "build_core",
    "open_database",
    "prepared_data_directory",
    "run_appliance",
    "secret_from",
    "user_changes_of",
    "users_of",
]
