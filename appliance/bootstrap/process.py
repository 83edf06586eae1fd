"""The appliance as a process: components over the use cases, signals, and the supervisor that keeps them going."""

import gc
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import FrameType, MappingProxyType
from typing import Any

import sdnotify
import structlog
from flask import Flask

from appliance import __version__
from appliance.bootstrap import names
from appliance.bootstrap.core import (
    OTHER_NAMES,
    SLOW_POOL,
    Core,
    build_core,
    open_database,
    prepared_data_directory,
    secret_from,
)
from appliance.bootstrap.measures import Measures
from appliance.bootstrap.pause import tell_of_pause
from appliance.clock import utc_now
from appliance.config import logs
from appliance.config.loader import Loaded
from appliance.config.log_ring import RECENT
from appliance.config.settings import Settings
from appliance.errors import NotFound, StorageUnavailable
from appliance.health import DISPENSABLE
from appliance.runtime.component import Component
from appliance.runtime.dispatcher import Dispatcher
from appliance.runtime.errands import Errand, Errands
from appliance.runtime.http_server import HttpServer, bind
from appliance.runtime.monitor import Monitor
from appliance.runtime.scheduler import Scheduler
from appliance.runtime.supervisor import Supervisor
from appliance.runtime.watchdog import HubWatchdog
from appliance.runtime.worker import Worker
from appliance.services.in_flight import Claim
from appliance.services.webhook_queue import WebhookClaim
from appliance.tasks.broker import queue_sizes
from appliance.tasks.celery_app import create_celery
from appliance.tasks.enqueue import enqueue_claim, enqueue_job, enqueue_periodic, enqueue_webhooks
from appliance.tasks.inspection import UnknownInspection, inspect
from appliance.web import too_busy
from appliance.web.app import create_app
from appliance.web.context import FlowerAccess, Telemetry, WebContext

log = structlog.get_logger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
HOUSEKEEPING_SECONDS = 5.0


def run_appliance(loaded: Loaded) -> int:
    """Starts everything, returns the exit code once it has stopped.

    Raises:
        StartupError: before anything was started.
    """
    settings = loaded.settings
    data_dir = prepared_data_directory(settings)
    data_dir.lock()
    try:
        logs.keep_file(settings.log, data_dir.path)
        log.info("Postroom starts", version=__version__)
        log.info("data directory", path=str(data_dir.path))
        names.install(OTHER_NAMES)
        bind(settings.web.host, settings.web.port).close()  # before anything is half-started
        database = open_database(settings)
        try:
            return Appliance(settings, build_core(settings, data_dir, database), loaded.sources).run()
        finally:
            database.stop()
    finally:
        data_dir.unlock()


class Appliance:
    """The components and the supervisor over a core."""

    def __init__(self, settings: Settings, core: Core, sources: Mapping[str, str] = MappingProxyType({})) -> None:
        self._settings = settings
        self._sources = sources
        self._core = core
        self._housekeeping_due = 0.0
        self._watchdog = HubWatchdog()
        self._notifier = sdnotify.SystemdNotifier()
        self._celery = create_celery(settings, core.services)
        self._flower_password = settings.flower.password.get_secret_value() or core.data_dir.secret("flower_password")
        self._worker = Worker(self._celery, settings.worker)
        self._monitor = Monitor(
            self._celery, settings.flower, self._flower_password, core.data_dir.path, SLOW_POOL.apply
        )
        self._dispatcher = Dispatcher(core.outbox, core.rescue, core.in_flight, settings.dispatcher, self._enqueue)
        self._measures = Measures(core, self._watchdog, self._dispatcher.slots)
        self._errands = Errands(
            [
                Errand("events", core.event_log.turn),
                Errand("search", core.search_index.turn),
                Errand("webhooks", self._hand_over_webhooks),
                Errand("messages of accounts that are back", core.services.sender_accounts.returns.turn),
                Errand("messages of deleted accounts", core.services.sender_accounts.left_behind.turn),
                Errand("jobs", lambda: core.services.jobs.hand_over(self._enqueue_job)),
                Errand("key uses", core.services.api_keys.uses.turn),
                Errand("alerts", core.services.alerts.turn),
                Errand("certificates", core.certificates.turn),
            ]
        )
        core.webhooks.courier.on_free = self._errands.notify
        core.services.jobs.wakes(self._errands.notify)
        core.services.alerts.watch(lambda: self.supervisor.health())
        self._scheduler = Scheduler(
            settings.schedule.model_dump(),
            self._enqueue_periodic,
            core.services.periodic.last_run_at,
            core.services.periodic.note_run,
            zone=settings.zone,
            clock=utc_now,
        )
        app = self._app()
        self._http_server = HttpServer(app, settings.web, refuse=partial(too_busy.refuse, app))
        self.supervisor = Supervisor(
            self.components(),
            settings.supervisor,
            dispensable=DISPENSABLE,
            on_ready=self._announce,
            on_watch=self._watch,
            on_stop=self._wind_down,
        )

    def run(self) -> int:
        self._create_first_user(os.environ)
        self._core.services.place.settle()
        self._install_signal_handlers()
        self._watchdog.start()
        try:
            return self.supervisor.run()
        finally:
            self._watchdog.stop()
            self._core.transports.close()
            self._core.services.api_keys.uses.write_down()
            with suppress(StorageUnavailable):  # then the next start does it
                self._core.rescue.of_box(self._core.outbox.claim_prefix)

    def components(self) -> list[Component]:
        """In start order: what does the work before what brings it in."""
        monitor: list[Component] = [self._monitor] if self._settings.flower.enabled else []
        return [self._worker, *monitor, self._dispatcher, self._errands, self._scheduler, self._http_server]

    def _enqueue(self, claim: Claim) -> None:
        enqueue_claim(self._celery, list(claim.message_ids), claim.id, claim.high_priority)

    def _enqueue_job(self, job_id: str) -> None:
        enqueue_job(self._celery, job_id)

    def _enqueue_webhooks(self, claim: WebhookClaim) -> None:
        enqueue_webhooks(self._celery, list(claim.delivery_ids), claim.id)

    def _hand_over_webhooks(self) -> bool:
        """A paused box may be a copy, whose webhooks were sent by another one; one that stops would give them back."""
        core = self._core
        idle = core.services.box.paused or core.in_flight.draining
        return not idle and core.webhooks.queue.turn(self._enqueue_webhooks)

    def _enqueue_periodic(self, key: str) -> None:
        enqueue_periodic(self._celery, key)

    def _app(self) -> Flask:
        core = self._core
        return create_app(
            WebContext(
                settings=self._settings,
                services=core.services,
                read=core.database.read_in_time,
                telemetry=self._telemetry(),
                enqueue_periodic=self._enqueue_periodic,
                flower=FlowerAccess(
                    self._settings.flower.enabled,
                    lambda: self._monitor.port,
                    self._settings.flower.user,
                    self._flower_password,
                ),
                local_token=core.data_dir.secret("local_token"),
                session_key=core.data_dir.secret("session_key"),
                clock=utc_now,
                zone=self._settings.zone,
                started_at=utc_now(),
                run_native=SLOW_POOL.apply,
                sources=self._sources,
            )
        )

    def _telemetry(self) -> Telemetry:
        return Telemetry(
            health=lambda: self.supervisor.health(),
            next_runs=lambda: self._scheduler.next_runs(),
            broker_queues=queue_sizes,
            inspect=self._inspect,
            gauges=self._measures.gauges,
            counters=self._measures.counters,
            histograms=self._measures.histograms,
            tasks=lambda: self._celery.task_states,
            logs=RECENT.recent,
            log_components=RECENT.components,
        )

    def _inspect(self, what: str) -> dict[str, Any]:
        try:
            return inspect(self._celery, what)
        except UnknownInspection as error:
            raise NotFound("question to the worker", what) from error

    def _create_first_user(self, environ: Mapping[str, str]) -> None:
        name, password = environ.get("ADMIN_USER"), secret_from(environ, "ADMIN_PASSWORD")
        if name and password and not self._core.services.users.exist():
            self._core.services.users.create(name, password)
            log.info("first user created from the environment", user=name)

    def _install_signal_handlers(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, _force)
        self.supervisor.request_stop()

    def _announce(self) -> None:
        port = self._http_server.port
        url = self._settings.appliance.public_url.rstrip("/") or f"http://localhost:{port}"
        log.info("pages and API listen", address=f"{self._settings.web.host}:{port}", url=url)
        self._core.data_dir.write_run_file(
            {"web_host": self._settings.web.host, "web_port": port, "flower_port": self._monitor.port}
        )
        self._core.services.setup.begin(lambda token: _show_setup_link(url, token))
        gc.collect()
        gc.freeze()  # what was imported stays: a full collection that looked at it all would hold the loop for 0.1 s
        self._notifier.notify("READY=1")
        tell_of_pause(self._core.services.box)

    def _watch(self) -> None:
        logs.settle()
        self._keep_house()
        if all(health.ok or health.name in DISPENSABLE for health in self.supervisor.health()):
            self._notifier.notify("WATCHDOG=1")

    def _keep_house(self) -> None:
        if time.monotonic() >= self._housekeeping_due:
            self._housekeeping_due = time.monotonic() + HOUSEKEEPING_SECONDS
            self._core.transports.prune()
            self._core.services.storage.look_again()
            with suppress(StorageUnavailable):
                self._core.clock_changes.look()

    def _wind_down(self) -> None:
        self._notifier.notify("STOPPING=1")
        self._core.services.retention.interrupt()
        self._core.services.backups.interrupt()
        self._core.services.job_runs.stop()
        self._core.in_flight.drain()
        log.info("Postroom stops: messages in flight are finished")


def _show_setup_link(url: str, token: str) -> None:
    # in the text itself: as a value it would be quoted, and a quote ends up in the browser
    log.info(f"setup pending; create the first user at {url}/setup?token={token}")


def _force(_number: int, _frame: FrameType | None) -> None:
    os._exit(1)
