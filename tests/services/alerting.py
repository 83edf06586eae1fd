"""Alerts over a real database, with everything that they look at in the hands of a test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from appliance.config.alert_settings import AlertSettings
from appliance.config.settings import DispatcherSettings
from appliance.db.database import Database
from appliance.db.models import Alert, SenderAccount
from appliance.db.queries import alerts
from appliance.errors import Unavailable
from appliance.health import Health
from appliance.services.alert_conditions import Conditions
from appliance.services.alert_mail import AlertMail
from appliance.services.alert_news import AlertNews
from appliance.services.alerts import Alerts
from appliance.services.backups import BackupRun
from appliance.services.capacity import MEGABYTE
from appliance.services.outbox import Outbox
from appliance.services.server_certificates import ServerCertificates
from appliance.services.submission import Submission
from appliance.services.submit_message import Accepted, SubmitMessage, Submitter
from tests.fakes import FakeClock, FakeTimer

ZONE = ZoneInfo("UTC")
BOTH = AlertSettings(email=("ann@example.com",), urls=SecretStr("json://127.0.0.1/x"))


@dataclass
class Box:
    """One appliance on `database`. `submitted` and `told` are what was sent by e-mail and to the URLs."""

    database: Database
    clock: FakeClock
    settings: AlertSettings = BOTH
    box_id: str = "thisbox0"
    free_mb: int = 100_000
    backup: BackupRun | None = None
    health: list[Health] = field(default_factory=list)
    certificates_of: dict[str, datetime] = field(default_factory=dict)
    urls_work: bool = True
    submitted: list[SubmitMessage] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.timer = FakeTimer()
        self.certificates = ServerCertificates(
            self.database, self._certificate_of, start=lambda work: work(), clock=self.clock
        )
        outbox = Outbox(self.database, DispatcherSettings(), box_id=self.box_id, zone=ZONE, clock=self.clock)
        self.submission = Submission(self.database, outbox, hostname="box.example", clock=self.clock)
        mail = AlertMail(self.database, self.settings.email, submit=self._submit, box_id=self.box_id, clock=self.clock)
        self.conditions = Conditions(
            self.database,
            self.settings,
            directory="/var/lib/postroom",
            free=lambda: self.free_mb * MEGABYTE,
            zone=ZONE,
            last_backup=lambda: self.backup,
            certificates=self.certificates,
            mail=mail,
        )
        self.news = AlertNews(
            self.database,
            self.settings,
            mail=mail,
            tell_urls=self._tell_urls,
            start=lambda work: work(),
            name="Postroom box",
            link=lambda: "http://localhost:8080/alerts",
            zone=ZONE,
            clock=self.clock,
        )
        self.alerts = Alerts(
            self.database,
            self.settings,
            self.conditions,
            self.news,
            box_id=self.box_id,
            zone=ZONE,
            clock=self.clock,
            timer=self.timer,
        )
        self.alerts.watch(lambda: self.health)

    def after(self, seconds: float) -> None:
        """So much later, looking each 15 seconds meanwhile."""
        for _ in range(int(seconds // 15)):
            self.timer.seconds += 15
            self.clock.advance(seconds=15)
            self.alerts.turn()

    def later(self, **by: float) -> None:
        """So much later; then it looks once."""
        self.timer.seconds += timedelta(**by).total_seconds()
        self.clock.advance(**by)
        self.alerts.turn()

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.alerts.open()]

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.told]

    def past(self) -> Sequence[Alert]:
        with self.database.read() as session:
            return alerts.past(session)[0]

    def _tell_urls(self, title: str, text: str) -> None:
        if not self.urls_work:
            raise Unavailable("Not taken by json://….")
        self.told.append((title, text))

    def _submit(self, command: SubmitMessage) -> Accepted:
        self.submitted.append(command)
        return self.submission.submit(command, Submitter(None))

    def _certificate_of(self, account: SenderAccount) -> datetime | None:
        return self.certificates_of.get(account.host)


MakeBox = Callable[..., Box]
FAILED_BACKUP = BackupRun(datetime(2026, 3, 10, 3, 0, tzinfo=UTC), "", 0, 1.0, "The disk is full.")
