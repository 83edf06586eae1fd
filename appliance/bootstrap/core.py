"""The use cases, wired to the database and to each other. Commands need this much; nothing runs yet."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.bootstrap.alerts import Watching, build_alerts
from appliance.bootstrap.ground import Ground
from appliance.bootstrap.jobs import JobServices, build_jobs
from appliance.bootstrap.keeping import Keeping, build_keeping
from appliance.bootstrap.names import Names
from appliance.bootstrap.native import NativeThreads
from appliance.bootstrap.people import People, build_people
from appliance.bootstrap.sending import Sending, build_account_test, build_sending
from appliance.bootstrap.submitting import Submitting, build_submitting
from appliance.bootstrap.webhooks import Webhooks, build_webhooks
from appliance.clock import utc_now
from appliance.config.data_dir import DataDirectory
from appliance.config.settings import Settings
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.migrations import Copies, migrate
from appliance.db.types import new_id
from appliance.errors import StartupError
from appliance.services import webhook_fanout
from appliance.services.api_keys import ApiKeys
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.clock_changes import ClockChanges
from appliance.services.container import Services
from appliance.services.copy_pause import pause_copy
from appliance.services.event_log import EventLog
from appliance.services.in_flight import InFlight
from appliance.services.outbox import Outbox
from appliance.services.passwords import Passwords
from appliance.services.periodic import Periodic
from appliance.services.rescue import Rescue
from appliance.services.search_index import SearchIndex
from appliance.services.server_certificates import ServerCertificates
from appliance.services.statistics import Statistics
from appliance.services.transports import Transports
from appliance.services.user_changes import UserChanges
from appliance.services.users import Users

WRITE_POOL = NativeThreads(1)  # commits, one at a time as SQLite wants them, apart from DNS and password hashing
SLOW_POOL = NativeThreads(4)
MAIL_NAMES = Names(32)  # of SMTP servers, apart from those of webhooks and the like: neither can use up the other's
OTHER_NAMES = Names(10)


@dataclass(frozen=True, slots=True)
class Core:
    """The use cases with what they share, before anything runs."""

    database: Database
    services: Services
    outbox: Outbox
    event_log: EventLog
    search_index: SearchIndex
    in_flight: InFlight
    rescue: Rescue
    webhooks: Webhooks
    transports: Transports
    certificates: ServerCertificates
    clock_changes: ClockChanges
    data_dir: DataDirectory
    hostname: str


@dataclass(frozen=True, slots=True)
class _Parts:
    keeping: Keeping
    sending: Sending
    submitting: Submitting
    jobs: JobServices
    people: People
    webhooks: Webhooks
    watching: Watching
    statistics: Statistics


def prepared_data_directory(settings: Settings) -> DataDirectory:
    """Raises StartupError."""
    data_dir = DataDirectory(settings.data_dir)
    data_dir.prepare()
    return data_dir


def open_database(settings: Settings) -> Database:
    """Migrated and ready for reads and writes. Raises StartupError."""
    database = Database(settings.database_url, settings.database, WRITE_POOL.apply)
    migrate(database.engine, Copies(settings.data_dir / "backups", pause_copy))
    database.start()
    return database


def users_of(database: Database) -> Users:
    return Users(database, run_native=SLOW_POOL.apply, clock=utc_now)


def user_changes_of(database: Database) -> UserChanges:
    return UserChanges(database, Passwords(SLOW_POOL.apply), clock=utc_now)


def build_core(settings: Settings, data_dir: DataDirectory, database: Database) -> Core:
    ground = _ground(settings, data_dir, database)
    parts = _parts(ground)
    return Core(
        database=database,
        services=_services(ground, parts),
        outbox=parts.sending.outbox,
        event_log=EventLog(database, consumers=[parts.statistics.count, webhook_fanout.consume]),
        search_index=SearchIndex(database),
        in_flight=parts.sending.in_flight,
        rescue=Rescue(database, settings.delivery, clock=ground.clock),
        webhooks=parts.webhooks,
        transports=parts.sending.transports,
        certificates=parts.watching.certificates,
        clock_changes=ClockChanges(database, on_due=parts.sending.outbox.notify, clock=ground.clock),
        data_dir=data_dir,
        hostname=ground.hostname,
    )


def _ground(settings: Settings, data_dir: DataDirectory, database: Database) -> Ground:
    return Ground(
        settings=settings,
        data_dir=data_dir,
        database=database,
        vault=Vault(data_dir.secret("encryption_key", Vault.new_key)),
        files=AttachmentFiles(data_dir.path / "attachments"),
        box_id=data_dir.secret("box_id", lambda: new_id("box")[-8:]),
        hostname=settings.appliance.hostname or socket.gethostname(),
        run_native=SLOW_POOL.apply,
        look_up_server=MAIL_NAMES.look_up,
        look_up=OTHER_NAMES.look_up,
        clock=utc_now,
    )


def _parts(ground: Ground) -> _Parts:
    keeping = build_keeping(ground)
    sending = build_sending(ground, keeping.services["attachments"])
    submitting = build_submitting(ground, sending.outbox, keeping.services["capacity"])
    jobs = build_jobs(ground, sending.outbox)
    people = build_people(ground)
    webhooks = build_webhooks(ground, draining=lambda: sending.in_flight.draining)
    watching = build_alerts(
        ground,
        submission=submitting["submission"],
        backups=keeping.services["backups"],
        transports=sending.transports,
        public_url=people["place"].public_url,
    )
    statistics = Statistics(ground.database, ground.settings.statistics, zone=ground.zone, clock=ground.clock)
    return _Parts(keeping, sending, submitting, jobs, people, webhooks, watching, statistics)


def _services(ground: Ground, parts: _Parts) -> Services:
    return Services(
        **parts.keeping.services,
        **parts.sending.services,
        **parts.submitting,
        **parts.jobs,
        **parts.people,
        account_test=build_account_test(ground, parts.sending, parts.watching.certificates),
        alerts=parts.watching.alerts,
        api_keys=ApiKeys(ground.database, ground.settings.limits, clock=ground.clock),
        periodic=Periodic(ground.database, _periodic_work(parts), clock=ground.clock),
        webhook_endpoints=parts.webhooks.endpoints,
        webhook_courier=parts.webhooks.courier,
        webhook_replay=parts.webhooks.replay,
    )


def _periodic_work(parts: _Parts) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """Under the keys of `[schedule]`."""
    return {
        "reset_email_daily_counts": parts.sending.services["sender_accounts"].close_day,
        "cleanup_expired_attachments": parts.keeping.attachment_cleanup.run,
        "cleanup_expired_suppressions": parts.jobs["suppressions"].cleanup_expired,
        "cleanup_finished_jobs": parts.jobs["jobs"].cleanup_finished,
        "apply_retention": parts.keeping.services["retention"].run,
        "backup": parts.keeping.services["backups"].run,
        "check_certificates": parts.watching.certificates.check,
        "prune_statistics": parts.statistics.prune,
        "cleanup_webhooks": parts.webhooks.cleanup.run,
    }


def secret_from(environ: Mapping[str, str], name: str) -> str | None:
    """The variable `name`, or the text of the file that `name`_FILE names. Raises StartupError."""
    path = environ.get(f"{name}_FILE")
    if name in environ or path is None:
        return environ.get(name)
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{name}_FILE cannot be read: {error}. Give the path of a text file.") from error
