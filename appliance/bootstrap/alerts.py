"""Builds what notices that something needs a person, and tells them."""

import importlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gevent import Timeout

from appliance.bootstrap.ground import Ground
from appliance.config.alert_settings import kind_of
from appliance.db.models import SenderAccount
from appliance.db.write import RunNative
from appliance.errors import Unavailable
from appliance.mail.server_certificate import valid_until
from appliance.mail.smtp import system_tls
from appliance.services.alert_conditions import Conditions
from appliance.services.alert_mail import AlertMail
from appliance.services.alert_news import AlertNews
from appliance.services.alerts import Alerts
from appliance.services.backups import Backups
from appliance.services.server_certificates import ServerCertificates
from appliance.services.submission import Submission
from appliance.services.submit_message import Accepted, SubmitMessage, Submitter
from appliance.services.transports import Transports

TYPE = "warning"


@dataclass(frozen=True, slots=True)
class Watching:
    alerts: Alerts
    certificates: ServerCertificates


def build_alerts(
    ground: Ground,
    *,
    submission: Submission,
    backups: Backups,
    transports: Transports,
    public_url: Callable[[], str],
) -> Watching:
    certificates = _certificates(ground, transports)
    mail = _mail(ground, submission)
    conditions = _conditions(ground, backups, certificates, mail)
    news = _news(ground, mail, public_url)
    settings, zone, clock = ground.settings.alerts, ground.zone, ground.clock
    alerts = Alerts(ground.database, settings, conditions, news, box_id=ground.box_id, zone=zone, clock=clock)
    return Watching(alerts, certificates)


def _certificates(ground: Ground, transports: Transports) -> ServerCertificates:
    delivery, soon = ground.settings.delivery, bool(ground.settings.alerts.certificate_days)

    def ask(account: SenderAccount) -> datetime | None:
        server = transports.server(account)
        return valid_until(server, delivery, ground.hostname, system_tls(), ground.look_up_server)

    return ServerCertificates(ground.database, ask, start=_beside, soon=soon, clock=ground.clock)


def _mail(ground: Ground, submission: Submission) -> AlertMail:
    def submit(command: SubmitMessage) -> Accepted:
        return submission.submit(command, Submitter(None))

    emails = ground.settings.alerts.email
    return AlertMail(ground.database, emails, submit=submit, box_id=ground.box_id, clock=ground.clock)


def _conditions(ground: Ground, backups: Backups, certificates: ServerCertificates, mail: AlertMail) -> Conditions:
    return Conditions(
        ground.database,
        ground.settings.alerts,
        directory=str(ground.data_dir.path),
        free=ground.data_dir.free_bytes,
        zone=ground.zone,
        last_backup=backups.last_run,
        certificates=certificates,
        mail=mail,
    )


def _news(ground: Ground, mail: AlertMail, public_url: Callable[[], str]) -> AlertNews:
    settings, port = ground.settings.alerts, ground.settings.web.port
    urls = settings.urls.get_secret_value().split()
    return AlertNews(
        ground.database,
        settings,
        mail=mail,
        tell_urls=AppriseUrls(urls, settings.timeout_seconds, ground.run_native).tell,
        start=_beside,
        name=f"Postroom {ground.hostname}",
        link=lambda: f"{public_url() or f'http://localhost:{port}'}/alerts",
        zone=ground.zone,
        clock=ground.clock,
    )


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
