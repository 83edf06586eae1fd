"""Every setting of the appliance: one frozen class a section of config.ini, one field a key.

The description of a field is what `config.example.ini` says above the key, and what the page of the settings says in the
reader's language. `Expects` is what an error message says the value should have been. Nothing else knows defaults.
"""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from appliance.config.alert_settings import AlertSettings
from appliance.config.capacity_settings import CapacitySettings
from appliance.config.log_settings import LogSettings
from appliance.config.values import (
    Addresses,
    Count,
    Cron,
    Expects,
    Hours,
    Port,
    PositiveInt,
    Seconds,
    SecondsList,
    Secret,
    Section,
    Switch,
    Text,
    Types,
    Zone,
)
from appliance.config.webhook_settings import WebhookSettings


class ApplianceSettings(Section):
    data_dir: Annotated[Path, Expects("a directory")] = Field(
        Path("var"),
        description="Where the database, the secrets and everything else to keep lives; relative to this file.",
    )
    timezone: Zone = Field(
        "UTC", description="Daily limits start again at 00:00 in this zone, and cron expressions mean it."
    )
    public_url: Text = Field(
        "",
        description="The address that people use, such as https://mail.example.com; empty: http://localhost and the port.",
    )
    hostname: Text = Field(
        "",
        description="The name that is said to SMTP servers (EHLO) and stands in Message-IDs; empty: the machine's own.",
    )
    setup_minutes: PositiveInt = Field(30, description="How long the one-time setup link works, in minutes.")


class WebSettings(Section):
    host: Text = Field("127.0.0.1", description="The address that the pages and the API listen on; 0.0.0.0 for all.")
    port: Port = Field(8080, description="The port of the pages and the API; 0 takes a free one.")
    threads: PositiveInt = Field(32, description="How many requests are served at once.")
    max_request_mb: PositiveInt = Field(30, description="A request with a larger body is refused with 413.")
    trusted_proxies: Addresses = Field(
        (), description="Addresses of reverse proxies whose X-Forwarded-* headers are believed, separated by spaces."
    )
    session_hours: Hours = Field(12, description="A browser is signed out this long after its sign-in, used or not.")
    session_idle_minutes: PositiveInt = Field(
        120, description="A browser is signed out earlier if it asks for nothing so long."
    )


class FlowerSettings(Section):
    enabled: Switch = Field(True, description="Whether Flower, the monitor of the worker, runs.")
    host: Text = Field("127.0.0.1", description="The address that Flower listens on.")
    port: Port = Field(5555, description="The port of Flower; 0 takes a free one.")
    user: Text = Field("admin", description="The user that Flower asks for (basic authentication).")
    password: Secret = Field(
        SecretStr(""),
        description="The password of that user; empty: one is generated into the data directory (secrets/flower_password).",
    )
    max_tasks: PositiveInt = Field(2000, description="How many tasks Flower remembers; each takes some 5 KB of memory.")


class DatabaseSettings(Section):
    url: Secret = Field(
        SecretStr(""),
        description="An SQLAlchemy URL such as postgresql+psycopg://user:password@host/name; empty: SQLite in data_dir.",
    )
    pool_size: PositiveInt = Field(10, description="Connections kept open to a database server (not used with SQLite).")
    max_overflow: Count = Field(20, description="Connections above pool_size under load (not used with SQLite).")
    pool_timeout: Seconds = Field(30, description="Seconds to wait for a free connection (not used with SQLite).")


class BrokerSettings(Section):
    url: Secret = Field(
        SecretStr("inprocess://"),
        description="inprocess:// needs no server; amqp://user:password@host// (RabbitMQ) and redis://host/0 are used as they are.",
    )
    result_backend: Text = Field(
        "", description="A Celery result backend URL; empty: none, which is faster, and nothing here needs one."
    )


class WorkerSettings(Section):
    concurrency: PositiveInt = Field(64, description="How many tasks run at once.")


class DispatcherSettings(Section):
    poll_seconds: Seconds = Field(1, description="How often the outbox is looked at when nothing woke the dispatcher.")
    min_slots: PositiveInt = Field(4, description="Batches in delivery at once while SMTP servers answer fast.")
    max_slots: PositiveInt = Field(
        20, description="Batches in delivery at once when SMTP servers answer slowly: connections open at once."
    )
    high_priority_slots: PositiveInt = Field(4, description="Further slots that only high priority messages use.")
    batch_size: PositiveInt = Field(50, description="Messages that one task sends over one connection, at most.")
    lease_seconds: Seconds = Field(
        120, description="A claimed message that nobody reported on for this long is rescued; a worker at work reports."
    )


class DeliverySettings(Section):
    connect_timeout: Seconds = Field(
        30, description="Seconds to wait for an SMTP server to accept a connection and greet."
    )
    command_timeout: Seconds = Field(120, description="Seconds to wait for the reply to a command.")
    data_timeout: Seconds = Field(
        600, description="Seconds to wait for the reply after the final dot (RFC 5321 section 4.5.3.2.6)."
    )
    transaction_seconds: Seconds = Field(
        900,
        description="Seconds to hand a message over, up to its final dot, however the server spreads its answers.",
    )
    retry_seconds: SecondsList = Field(
        (60, 300, 600),
        description="Waits after the first, second, ... temporary failure; then the last one doubles each time.",
    )
    max_attempts: PositiveInt = Field(12, description="A message that failed temporarily this often is failed.")
    max_age_hours: Hours = Field(72, description="A message that failed temporarily and is older than this is failed.")
    on_uncertain: Annotated[Literal["resend", "hold"], Expects("resend or hold")] = Field(
        "resend",
        description="A message caught between the server's acceptance and the record of it: resend (same Message-ID) or hold for a person.",
    )
    suppress_on_hard_refusal: Switch = Field(
        True,
        description="Whether an address of which a server says that it does not exist (5.1.1 and the like) is suppressed.",
    )
    suppression_days: Count = Field(30, description="How long such a suppression lasts; 0: for ever.")
    breaker_seconds: Seconds = Field(
        30, description="A sender account that failed rests this long; doubled at each further failure."
    )
    breaker_max_seconds: Seconds = Field(900, description="The longest rest of a failing sender account.")
    connection_idle_seconds: Seconds = Field(
        20, description="An SMTP connection that was not used for this long is closed."
    )
    messages_per_connection: PositiveInt = Field(100, description="A connection is closed after this many messages.")


class LimitsSettings(Section):
    recipients: PositiveInt = Field(100, description="Recipients of one message: to, cc and bcc together.")
    batch_messages: PositiveInt = Field(1000, description="Messages of one batch.")
    message_mb: PositiveInt = Field(20, description="The size of one message with its attachments.")
    attachment_mb: PositiveInt = Field(10, description="The size of one attachment.")
    template_kb: PositiveInt = Field(256, description="The size of a template, all its parts and languages together.")
    template_variables_kb: PositiveInt = Field(256, description="The size of the variables of one message, as JSON.")
    rendered_kb: PositiveInt = Field(
        1000, description="The size of what a template makes: HTML or text of one message."
    )
    key_requests_per_minute: Count = Field(
        0, description="Requests a minute of an API key that has no such limit of its own; 0: no limit."
    )
    key_daily_messages: Count = Field(
        0, description="Messages a day of an API key that has no such limit of its own; 0: no limit."
    )
    failed_keys_per_minute: PositiveInt = Field(
        20,
        description="Wrong API keys from one address; after that no further key from there is looked at for a while.",
    )
    attachment_days: PositiveInt = Field(7, description="Messages can name an uploaded attachment for this long.")
    attachment_types: Types = Field(
        (
            *("application/pdf", "image/jpeg", "image/png", "image/gif", "image/webp"),
            *("application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"),
            *("application/vnd.openxmlformats-officedocument.*", "application/vnd.oasis.opendocument.*"),
            *("application/zip", "application/x-7z-compressed", "application/gzip", "application/x-tar"),
            *("text/plain", "text/csv", "text/markdown", "text/calendar", "text/vcard"),
            *("application/json", "application/xml", "audio/*", "video/*"),
        ),
        description="Types of content that attachments may have; a * stands for any ending, and a * alone for everything. "
        "The content is looked at, whatever name and type it was sent with.",
    )


class RetentionSettings(Section):
    message_days: Count = Field(
        30,
        description="A message that has ended goes this many days later, with all that is known of it; 0: never. "
        "Mail that was not sent yet stays however old it is, and statistics stay as well.",
    )
    body_days: Count = Field(30, description="Text and HTML go after so many days; 0: with their message.")
    attachment_days: Count = Field(30, description="Attachments go after so many days; 0: with their message.")
    attempt_days: Count = Field(30, description="What servers said goes after so many days; 0: with its message.")
    failed_days: Count = Field(
        90,
        description="A message that not everybody has got is kept whole for at least this long, to be retried; 0: for ever.",
    )
    mailbox_days: Count = Field(30, description="How long the built-in mailbox keeps mail; 0: for ever.")
    audit_days: Count = Field(365, description="How long it is kept who changed what; 0: for ever.")
    account_history_days: Count = Field(
        400, description="How long it is kept what each sender account sent on a day; 0: for ever."
    )


class StatisticsSettings(Section):
    hour_days: PositiveInt = Field(35, description="How long figures by the hour are kept, in days.")
    day_days: PositiveInt = Field(1100, description="How long figures by the day are kept, in days.")


class BackupSettings(Section):
    directory: Annotated[Path, Expects("a directory")] = Field(
        Path("backups"), description="Where the scheduled backups lie; relative to data_dir. Best on another disk."
    )
    keep: PositiveInt = Field(7, description="How many of them are kept; the oldest goes when there is one more.")


class ScheduleSettings(Section):
    reset_email_daily_counts: Cron = Field(
        "0 0 * * *", description="Closes the day of the sender accounts and releases held messages."
    )
    cleanup_expired_attachments: Cron = Field(
        "0 * * * *", description="Removes attachments that are past their age and that no message needs."
    )
    cleanup_expired_suppressions: Cron = Field("0 * * * *", description="Removes suppressions that have expired.")
    cleanup_finished_jobs: Cron = Field("50 3 * * *", description="Removes jobs that ended more than 30 days ago.")
    backup: Cron = Field("0 3 * * *", description="Makes a backup, see [backup].")
    check_certificates: Cron = Field("40 5 * * *", description="Looks how long SMTP servers' certificates are valid.")
    apply_retention: Cron = Field("30 3 * * *", description="Removes what has reached its age in [retention].")
    prune_statistics: Cron = Field("20 3 * * *", description="Removes figures that are past their age.")
    cleanup_webhooks: Cron = Field(
        "15 * * * *",
        description="Keeps the log of webhooks at its age, and ends what waits too long for a paused endpoint.",
    )


class SupervisorSettings(Section):
    grace_seconds: Seconds = Field(25, description="How long a stop may take; messages in flight finish within it.")
    restart_budget: PositiveInt = Field(
        5, description="A component that fails more often than this within the window ends the process."
    )
    restart_window_seconds: Seconds = Field(300, description="The window of restart_budget.")


class Settings(Section):
    """All sections. `base_dir` is where relative paths start: the directory of config.ini."""

    base_dir: Path = Path()
    appliance: ApplianceSettings = ApplianceSettings()
    web: WebSettings = WebSettings()
    flower: FlowerSettings = FlowerSettings()
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    worker: WorkerSettings = WorkerSettings()
    dispatcher: DispatcherSettings = DispatcherSettings()
    delivery: DeliverySettings = DeliverySettings()
    limits: LimitsSettings = LimitsSettings()
    capacity: CapacitySettings = CapacitySettings()
    statistics: StatisticsSettings = StatisticsSettings()
    retention: RetentionSettings = RetentionSettings()
    webhooks: WebhookSettings = WebhookSettings()
    backup: BackupSettings = BackupSettings()
    alerts: AlertSettings = AlertSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    log: LogSettings = LogSettings()
    supervisor: SupervisorSettings = SupervisorSettings()

    @property
    def data_dir(self) -> Path:
        """Absolute."""
        return (self.base_dir / self.appliance.data_dir).resolve()

    @property
    def backup_dir(self) -> Path:
        """Absolute."""
        return (self.data_dir / self.backup.directory).resolve()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.appliance.timezone)

    @property
    def database_url(self) -> str:
        return self.database.url.get_secret_value() or f"sqlite:///{self.data_dir / 'postroom.db'}"

    @property
    def broker_url(self) -> str:
        return self.broker.url.get_secret_value()


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
