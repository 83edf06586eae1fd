"""The machine's clock and the zone in which days begin."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from appliance.clock import local_date, utc_now
from appliance.commands.check.finding import Finding, ok, warning
from appliance.config.settings import Settings

_SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")
_TIMESYNC = Path("/run/systemd/timesync")


def check(settings: Settings) -> Iterator[Finding]:
    now = utc_now()
    built = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    if now < built:
        yield warning(
            "clock", f"says {now:%Y-%m-%d %H:%M} UTC, before these files were made ({built:%Y-%m-%d})", "set the clock"
        )
    elif _TIMESYNC.exists() and not _SYNCHRONIZED.exists():
        yield warning("clock", f"{now:%Y-%m-%d %H:%M} UTC, not synchronized yet", "see `timedatectl`")
    else:
        yield ok("clock", f"{now:%Y-%m-%d %H:%M} UTC")
    zone = settings.appliance.timezone
    yield ok("time zone", f"{zone}, where it is {local_date(now, settings.zone)} {now.astimezone(settings.zone):%H:%M}")
