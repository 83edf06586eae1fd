"""Logging: structlog and the standard library's loggers through one formatter, as text for people or as JSON."""

import logging
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from appliance.config import log_journal, log_ring
from appliance.config.log_file import RotatingLogFile
from appliance.config.log_repeats import Repeats
from appliance.config.log_ring import LogRing
from appliance.config.log_settings import LogSettings
from appliance.config.masking import masked, masked_value, one_line

# What they say below these levels is of use only to somebody who debugs them.
QUIET = {
    "alembic": logging.WARNING,
    "amqp": logging.WARNING,
    "apscheduler": logging.WARNING,
    "celery": logging.WARNING,
    "flower": logging.ERROR,  # a warning for each question to a worker that is just restarting
    "kombu": logging.WARNING,
    "tornado.access": logging.ERROR,  # a warning for each page that needs a password
    "tornado.general": logging.ERROR,
    "waitress": logging.WARNING,
    "waitress.queue": logging.ERROR,  # a warning for each request that waits, when many do
}


def configure(settings: LogSettings, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
    """Makes every logger of the process write to `stream`. May be called again; the last call counts."""
    level = _number(settings.level)
    outlets = _Outlets(settings)
    # it gets every line, so it is the one that fills the ring
    outlets.add(logging.StreamHandler(stream), _formatter(settings, stream, environ, log_ring.RECENT))
    root = logging.getLogger()
    root.handlers[:] = [outlets]
    _set_least(level)
    logging.raiseExceptions = False  # a closed or full stream must not make the noise of a broken one
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def keep_file(settings: LogSettings, directory: Path) -> None:
    """Has a file written too, in `directory` unless its path is absolute. Without one the log says why, and goes on.

    Comes after `configure`; where somebody else set up the logging of the process, as a test does, nothing happens.
    """
    outlets = _outlets()
    if not settings.file or outlets is None:
        return
    path = directory / settings.file
    try:
        outlets.add(RotatingLogFile(path, settings), _Formatter(_renderer(settings)), _number(settings.file_level))
    except OSError as error:
        structlog.get_logger(__name__).warning("no log file is written", path=str(path), error=error.strerror)


def settle() -> None:
    """Tells of lines that came again and again, as soon as their time is over. Cheap; call it now and then."""
    outlets = _outlets()
    if outlets is not None:
        with outlets.held():
            outlets.repeats.settle()


def _outlets() -> "_Outlets | None":
    return next((handler for handler in logging.getLogger().handlers if isinstance(handler, _Outlets)), None)


def _set_least(level: int) -> None:
    logging.getLogger().setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


class _Outlets(logging.Handler):
    """Every line goes through here once, then to each outlet: so that what is repeated is counted once for all."""

    def __init__(self, settings: LogSettings) -> None:
        super().__init__()
        self._outlets: list[logging.Handler] = []
        self.repeats = Repeats(settings.repeat_seconds, self._write)

    def add(self, outlet: logging.Handler, formatter: logging.Formatter, least: int = logging.NOTSET) -> None:
        outlet.setFormatter(formatter)
        outlet.setLevel(least)
        self._outlets.append(outlet)

    def emit(self, record: logging.LogRecord) -> None:
        if self.repeats.admit(record):
            self._write(record)

    def flush(self) -> None:
        """At the end of the process: nothing that was counted is left untold."""
        with self.held():
            self.repeats.settle(at_once=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _write(self, record: logging.LogRecord) -> None:
        for outlet in self._outlets:
            if record.levelno >= outlet.level:
                outlet.handle(record)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Never raises: a line that cannot be made well is made badly, for it may be the one that matters."""

    def __init__(self, renderer: Processor, ring: LogRing | None = None) -> None:
        self._renderer = renderer
        self._ring = ring
        super().__init__(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask, self._keep, renderer],
        )

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception as error:  # noqa: BLE001 - the outermost edge: a mistake in a log call must not be more than that
            return self._salvaged(record, error)

    def _salvaged(self, record: logging.LogRecord, error: Exception) -> str:
        message = record.msg.get("event") if isinstance(record.msg, dict) else record.msg
        event = _STAMP(
            None,
            "",
            {
                "event": one_line(masked(str(message)[:2000])),
                "level": record.levelname.lower(),
                "logger": record.name,
                "log_error": one_line(masked(f"{type(error).__name__}: {error}")),
            },
        )
        return str(self._renderer(None, "", self._keep(None, "", event)))

    def _keep(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if self._ring is not None:
            self._ring.add(event)
        return event


class _JournalFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return log_journal.prioritised(super().format(record), record.levelno)


def _formatter(settings: LogSettings, stream: TextIO, environ: Mapping[str, str], ring: LogRing) -> _Formatter:
    renderer = _renderer(settings, colours=stream.isatty())
    if settings.format == "text" and log_journal.is_behind(stream, environ):
        return _JournalFormatter(log_journal.without_moment(renderer), ring)
    return _Formatter(renderer, ring)


def _renderer(settings: LogSettings, *, colours: bool = False) -> Processor:
    if settings.format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=40, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = masked_value(value, key)
    event["event"] = one_line(str(event.get("event", "")))
    return event


_STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _STAMP,
    structlog.processors.format_exc_info,
]
