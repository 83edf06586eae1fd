"""What systemd's journal wants of a log: priorities before lines (sd-daemon(3)), and no moments; it notes its own."""

import logging
import os
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

from structlog.typing import Processor

from appliance.config.masking import one_line

PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.NOTSET, 7))


def is_behind(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the journal reads `stream`. The variable alone would also say so of what was sent to a file since."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # it is in memory, or closed
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"  # systemd.exec(5)


def without_moment(render: Processor) -> Processor:
    def rendered(logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        return render(logger, method, {key: value for key, value in event.items() if key != "timestamp"})

    return rendered


def prioritised(text: str, level: int) -> str:
    """Each of its lines by itself: the journal makes an entry of each, and ends one at a NUL as well."""
    priority = next(priority for least, priority in PRIORITIES if level >= least)
    return "\n".join(f"<{priority}>{one_line(line)}" for line in text.split("\n"))
