"""What the views are handed: use cases, reads, and what the running appliance can tell of itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app

from appliance.clock import Clock
from appliance.config.log_ring import LogQuery, LogRecord
from appliance.config.settings import Settings
from appliance.db.database import ReadSession
from appliance.health import Health
from appliance.histogram import Histogram
from appliance.services.container import Services


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Questions to the running parts, each cheap."""

    health: Callable[[], list[Health]]
    next_runs: Callable[[], Mapping[str, datetime | None]]
    broker_queues: Callable[[], Mapping[str, int]]
    inspect: Callable[[str], dict[str, Any]]
    gauges: Callable[[], Mapping[str, float]]
    counters: Callable[[], Mapping[str, float]] = dict
    histograms: Callable[[], Mapping[str, Histogram]] = dict
    tasks: Callable[[], Mapping[str, int]] = dict
    """Of the worker, counted by what became of them."""
    logs: Callable[[LogQuery], Sequence[LogRecord]] = lambda _query: ()
    """The latest lines of the log, oldest first (`appliance/config/log_ring.py`)."""
    log_components: Callable[[], Sequence[str]] = tuple
    """Those that `logs` has lines of."""


@dataclass(frozen=True, slots=True)
class FlowerAccess:
    """Where Flower listens, and what opens it. `port` is asked anew: it may be chosen at start."""

    enabled: bool
    port: Callable[[], int]
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class WebContext:
    settings: Settings
    services: Services
    read: ReadSession
    telemetry: Telemetry
    enqueue_periodic: Callable[[str], None]
    """Has the worker do now what `[schedule]` times under that key. Raises Unavailable."""
    flower: FlowerAccess
    local_token: str
    """A secret in the data directory: whoever can read it may do everything, as the command line does."""
    session_key: str
    clock: Clock
    zone: ZoneInfo
    started_at: datetime
    run_native: Callable[[Callable[[], Any]], Any] = lambda work: work()
    """Has a thread of the system do what would hold everybody else up."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each setting that is not a default came from, as `Loaded.sources` (appliance/config/loader.py)."""


def web() -> WebContext:
    """The context of the application that serves this request."""
    context: WebContext = current_app.extensions["postroom"]
    return context
