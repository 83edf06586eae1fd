"""The use cases, wired to the database and to each other. Commands need this much; nothing runs yet."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from appliance.bootstrap.alerts import build_alerts
from appliance.bootstrap.backups import build_backups
from appliance.bootstrap.names import Names
from appliance.bootstrap.native import NativeThreads
from appliance.bootstrap.people import build_people
from appliance.bootstrap.webhooks import Webhooks, build_webhooks
from appliance.clock import utc_now
from appliance.config.data_dir import DataDirectory
from appliance.config.settings import Settings
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.migrations import migrate
from appliance.db.models.message import Reason
from appliance.db.models.message_sets import SetAction
from appliance.db.space import DatabaseSpace
from appliance.db.types import new_id
from appliance.errors import StartupError
from appliance.services import webhook_fanout
from appliance.services.account_test import AccountTest
from appliance.services.account_trials import AccountTrials
from appliance.services.api_keys import ApiKeys
from appliance.services.attachment_cleanup import AttachmentCleanup
from appliance.services.attachment_files import AttachmentFiles
from appliance.services.attachments import Attachments
from appliance.services.batch import BatchSubmission
from appliance.services.box import KIND as BOX_RESUME
from appliance.services.box import Box
from appliance.services.bulk import Bulk, kind_of
from appliance.services.capacity import Capacity
from appliance.services.clock_changes import ClockChanges
from appliance.services.composition import Composition
from appliance.services.container import Services
from appliance.services.delivery import Delivery
from appliance.services.dry_run import DryRun
from appliance.services.event_log import EventLog
from appliance.services.in_flight import InFlight
from appliance.services.job_runs import JobRuns, Work
from appliance.services.jobs import Jobs
from appliance.services.mailbox import Mailbox
from appliance.services.mailbox_release import MailboxRelease
from appliance.services.messages import Messages
from appliance.services.outbox import Outbox
from appliance.services.passwords import Passwords
from appliance.services.periodic import Periodic
from appliance.services.raw_messages import RawMessages
from appliance.services.rescue import Rescue
from appliance.services.retention import Retention
from appliance.services.search_index import SearchIndex
from appliance.services.sender_accounts import SenderAccounts
from appliance.services.server_certificates import ServerCertificates
from appliance.services.statistics import Statistics
from appliance.services.storage import Storage
from appliance.services.submission import Submission
from appliance.services.suppression_release import KIND as SUPPRESSION_RELEASE
from appliance.services.suppression_release import SuppressionRelease
from appliance.services.suppressions import Suppressions
from appliance.services.template_preview import TemplatePreview
from appliance.services.template_rendering import TemplateRendering
from appliance.services.templates import Templates
from appliance.services.transports import Transports
from appliance.services.user_changes import UserChanges
from appliance.services.users import Users

log = structlog.get_logger(__name__)


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


def prepared_data_directory(settings: Settings) -> DataDirectory:
    """Raises StartupError."""
    data_dir = DataDirectory(settings.data_dir)
    data_dir.prepare()
    return data_dir


def open_database(settings: Settings) -> Database:
    """Migrated and ready for reads and writes. Raises StartupError."""
    database = Database(settings.database_url, settings.database, WRITE_POOL.apply)
    migrate(database.engine, settings.data_dir / "backups")
    database.start()
    return database


def users_of(database: Database) -> Users:
    return Users(database, run_native=SLOW_POOL.apply, clock=utc_now)


def user_changes_of(database: Database) -> UserChanges:
    return UserChanges(database, Passwords(SLOW_POOL.apply), clock=utc_now)


def build_core(settings: Settings, data_dir: DataDirectory, database: Database) -> Core:
    hostname = settings.appliance.hostname or socket.gethostname()
    zone, clock = settings.zone, utc_now
    vault = Vault(data_dir.secret("encryption_key", Vault.new_key))
    box_id = data_dir.secret("box_id", lambda: new_id("box")[-8:])
    outbox = Outbox(database, settings.dispatcher, box_id=box_id, zone=zone, clock=clock)
    in_flight = InFlight(outbox.notify)
    mailbox = Mailbox(database, clock=clock)
    transports = Transports(settings.delivery, vault, hostname=hostname, keep=mailbox.keep, look_up=MAIL_NAMES.look_up)
    messages = Messages(database, outbox, clock=clock)
    accounts = SenderAccounts(database, vault, messages, zone=zone, clock=clock)
    accounts.ensure_built_in_mailbox(f"postroom@{hostname if '.' in hostname else 'localhost'}")
    release_rested = partial(messages.release_held, [Reason.BREAKER])
    files = AttachmentFiles(data_dir.path / "attachments")
    capacity = Capacity(database, settings.capacity, data_dir.free_bytes)
    attachments = Attachments(
        database,
        files,
        settings.limits,
        run_native=SLOW_POOL.apply,
        clock=clock,
        require_disk=capacity.require_disk,
    )
    attachment_cleanup = AttachmentCleanup(database, files, run_native=SLOW_POOL.apply, clock=clock)
    retention = Retention(
        database,
        DatabaseSpace(database, SLOW_POOL.apply),
        settings.retention,
        remove_files=attachment_cleanup.remove_files,
        clock=clock,
    )
    jobs = Jobs(database, clock=clock)
    bulk = Bulk(database, jobs, on_due=outbox.notify, clock=clock)
    suppression_release = SuppressionRelease(database, jobs, on_due=outbox.notify, clock=clock)
    box = Box(database, jobs, on_due=outbox.notify, clock=clock)
    works: dict[str, Work] = {
        **dict.fromkeys(map(kind_of, SetAction), bulk),
        SUPPRESSION_RELEASE: suppression_release,
        BOX_RESUME: box,
    }
    suppressions = Suppressions(database, suppression_release, run_native=SLOW_POOL.apply, clock=clock)
    composition = Composition(files, SLOW_POOL.apply)
    delivery = Delivery(
        database,
        transports,
        composition,
        in_flight,
        settings=settings.delivery,
        dispatcher=settings.dispatcher,
        zone=zone,
        clock=clock,
        on_recovery=release_rested,
    )
    webhooks = build_webhooks(
        settings.webhooks,
        database,
        vault,
        box_id=box_id,
        run_native=SLOW_POOL.apply,
        draining=lambda: in_flight.draining,
        resolve=OTHER_NAMES.look_up,
        clock=clock,
    )
    backups = build_backups(settings, data_dir, database)
    statistics = Statistics(database, settings.statistics, zone=zone, clock=clock)
    template_rendering = TemplateRendering(database, settings.limits, run_native=SLOW_POOL.apply)
    submission = Submission(
        database,
        outbox,
        hostname=hostname,
        clock=clock,
        zone=zone,
        fill=template_rendering.fill,
        room=capacity.room,
    )
    people = build_people(settings, database, vault, run_native=SLOW_POOL.apply, clock=clock)
    watching = build_alerts(
        settings,
        data_dir,
        database,
        submission=submission,
        backups=backups,
        transports=transports,
        hostname=hostname,
        box_id=box_id,
        run_native=SLOW_POOL.apply,
        look_up=MAIL_NAMES.look_up,
        public_url=people["place"].public_url,
    )
    services = Services(
        submission=submission,
        batches=BatchSubmission(database, outbox, hostname=hostname, clock=clock, zone=zone, room=capacity.room),
        dry_run=DryRun(database, files, run_native=SLOW_POOL.apply, hostname=hostname, zone=zone, clock=clock),
        messages=messages,
        bulk=bulk,
        jobs=jobs,
        job_runs=JobRuns(database, jobs, works, clock=clock),
        raw_messages=RawMessages(database, composition),
        delivery=delivery,
        sender_accounts=accounts,
        account_trials=AccountTrials(transports, vault, accounts, clock=clock),
        account_test=AccountTest(
            database,
            transports,
            hostname=hostname,
            clock=clock,
            on_recovery=release_rested,
            on_tested=watching.certificates.tested,
        ),
        attachments=attachments,
        suppressions=suppressions,
        templates=Templates(database, settings.limits, run_native=SLOW_POOL.apply, clock=clock),
        template_rendering=template_rendering,
        template_preview=TemplatePreview(settings.limits, run_native=SLOW_POOL.apply),
        mailbox=mailbox,
        mailbox_release=MailboxRelease(database, outbox, attachments, run_native=SLOW_POOL.apply, clock=clock),
        periodic=Periodic(
            database,
            {
                "reset_email_daily_counts": accounts.close_day,
                "cleanup_expired_attachments": attachment_cleanup.run,
                "cleanup_expired_suppressions": suppressions.cleanup_expired,
                "cleanup_finished_jobs": jobs.cleanup_finished,
                "apply_retention": retention.run,
                "backup": backups.run,
                "check_certificates": watching.certificates.check,
                "prune_statistics": statistics.prune,
                "cleanup_webhooks": webhooks.cleanup.run,
            },
            clock=clock,
        ),
        retention=retention,
        box=box,
        backups=backups,
        alerts=watching.alerts,
        storage=Storage(database, clock=clock),
        capacity=capacity,
        **people,
        api_keys=ApiKeys(database, settings.limits, clock=clock),
        webhook_endpoints=webhooks.endpoints,
        webhook_courier=webhooks.courier,
        webhook_replay=webhooks.replay,
    )
    rescue = Rescue(database, settings.delivery, clock=clock)
    event_log = EventLog(database, consumers=[statistics.count, webhook_fanout.consume])
    search_index = SearchIndex(database)
    return Core(
        database,
        services,
        outbox,
        event_log,
        search_index,
        in_flight,
        rescue,
        webhooks,
        transports,
        watching.certificates,
        ClockChanges(database, on_due=outbox.notify, clock=clock),
        data_dir,
        hostname,
    )


def secret_from(environ: Mapping[str, str], name: str) -> str | None:
    """The variable `name`, or the text of the file that `name`_FILE names. Raises StartupError."""
    path = environ.get(f"{name}_FILE")
    if name in environ or path is None:
        return environ.get(name)
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{name}_FILE cannot be read: {error}. Give the path of a text file.") from error
