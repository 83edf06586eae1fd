"""Logging: structlog and the standard library's loggers through one formatter, as text for people or as JSON."""

import logging
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from appliance.config.masking import masked, masked_value, one_line
from appliance.config.settings import LogSettings

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


def configure(settings: LogSettings, stream: TextIO) -> None:
    """Makes every logger of the process write to `stream`. May be called again; the last call counts."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(settings.format, colours=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.raiseExceptions = False  # a closed or full stream must not make the noise of a broken one
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Never raises: a line that cannot be made well is made badly, for it may be the one that matters."""

    def __init__(self, form: str, *, colours: bool) -> None:
        renderer: Processor = (
            structlog.processors.JSONRenderer(ensure_ascii=False)
            if form == "json"
            else structlog.dev.ConsoleRenderer(
                colors=colours, pad_event_to=40, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
            )
        )
        self._renderer = renderer
        super().__init__(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask, renderer],
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
        return str(self._renderer(None, "", event))


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
