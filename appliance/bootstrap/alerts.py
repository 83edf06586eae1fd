"""Builds what notices that something needs a person, and tells them."""

import importlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gevent import Timeout

from appliance.clock import utc_now
from appliance.config.alert_settings import kind_of
from appliance.config.data_dir import DataDirectory
from appliance.config.settings import Settings
from appliance.db.database import Database
from appliance.db.models import SenderAccount
from appliance.db.write import RunNative
from appliance.errors import Unavailable
from appliance.mail.server_certificate import valid_until
from appliance.mail.smtp import system_tls
from appliance.mail.smtp_wire import LookUp
from appliance.services.alert_conditions import Conditions
from appliance.services.alert_mail import AlertMail
from appliance.services.alert_news import AlertNews
from appliance.services.alerts import Alerts
from appliance.services.backups import Backups
from appliance.services.server_certificates import ServerCertificates
from appliance.services.submission import Submission
from appliance.services.submit_message import Submitter
from appliance.services.transports import Transports

TYPE = "warning"


@dataclass(frozen=True, slots=True)
class Watching:
    alerts: Alerts
    certificates: ServerCertificates


def build_alerts(
    settings: Settings,
    data_dir: DataDirectory,
    database: Database,
    *,
    submission: Submission,
    backups: Backups,
    transports: Transports,
    hostname: str,
    box_id: str,
    run_native: RunNative,
    look_up: LookUp,
    public_url: Callable[[], str],
) -> Watching:
    urls = settings.alerts.urls.get_secret_value().split()

    def ask(account: SenderAccount) -> datetime | None:
        return valid_until(transports.server(account), settings.delivery, hostname, system_tls(), look_up)

    certificates = ServerCertificates(
        database, ask, start=_beside, soon=bool(settings.alerts.certificate_days), clock=utc_now
    )
    mail = AlertMail(
        database,
        settings.alerts.email,
        submit=lambda command: submission.submit(command, Submitter(None)),
        box_id=box_id,
        clock=utc_now,
    )
    conditions = Conditions(
        database,
        settings.alerts,
        directory=str(data_dir.path),
        free=data_dir.free_bytes,
        zone=settings.zone,
        last_backup=backups.last_run,
        certificates=certificates,
        mail=mail,
    )
    news = AlertNews(
        database,
        settings.alerts,
        mail=mail,
        tell_urls=AppriseUrls(urls, settings.alerts.timeout_seconds, run_native).tell,
        start=_beside,
        name=f"Postroom {hostname}",
        link=lambda: f"{public_url() or f'http://localhost:{settings.web.port}'}/alerts",
        zone=settings.zone,
        clock=utc_now,
    )
    alerts = Alerts(database, settings.alerts, conditions, news, box_id=box_id, zone=settings.zone, clock=utc_now)
    return Watching(alerts, certificates)


class AppriseUrls:
    """By Apprise, which takes 45 MB and half a second to load: natively, and only when there is something to tell.

    Once loaded it talks over the patched sockets, so a greenlet can wait for it, and be ended when it takes too long.
    """

    def __init__(self, urls: Sequence[str], seconds: float, run_native: RunNative) -> None:
        self._urls = tuple(urls)
        self._seconds = seconds
        self._run_native = run_native

    def tell(self, title: str, text: str) -> None:
        """Raises Unavailable when one of them did not take it, or did not answer in time."""
        targets: list[tuple[str, Any]] = self._run_native(lambda: list(map(_target_of, self._urls)))
        refused: list[str] = []
        try:
            with Timeout(self._seconds):
                refused = [name for name, target in targets if not _took(target, title, text)]
        except Timeout as error:
            raise Unavailable(f"The URLs did not answer within {self._seconds:g} s.") from error
        if refused:
            raise Unavailable(f"Not taken by {', '.join(refused)}. Check [alerts] urls.")


def no_targets() -> Any:
    """Of Apprise, to `add` URLs to. It logs them whole, so its words are left out: we say what became of them."""
    found = importlib.import_module("apprise").Apprise()
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.INFO)
    return found


def _target_of(url: str) -> tuple[str, Any]:
    """With what kind it is for a name: the rest of a URL is a secret."""
    target = no_targets()
    target.add(url)
    return kind_of(url), target


def _took(target: Any, title: str, text: str) -> bool:
    return bool(target.notify(title=title, body=text, notify_type=TYPE))  # also False where it knows no such URL


def _beside(work: Callable[[], None]) -> object:
    thread = threading.Thread(target=work, name="alerts", daemon=True)
    thread.start()
    return thread
