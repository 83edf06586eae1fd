"""What the overview says of the machine and of the process on it."""

import shutil
from dataclasses import dataclass

from appliance.histogram import Histogram
from appliance.services.capacity import MEGABYTE
from appliance.web.context import web

MOST_BEATS = 0.99


@dataclass(frozen=True, slots=True)
class Machine:
    """Sizes in bytes, spans in seconds. `floor` 0: none is set. None: not known."""

    disk_free: int
    disk_total: int
    floor: int
    database_size: int
    hub_lag: float | None
    hub_usual: float | None
    """Of a hundred heartbeats, 99 were not later than this; infinity for later than any that is told apart."""
    slots: int | None
    slots_used: int | None
    waiting_tasks: int

    @property
    def disk_used(self) -> int:
        return self.disk_total - self.disk_free


def machine() -> Machine:
    context = web()
    disk = shutil.disk_usage(context.settings.data_dir)
    gauges, beats = context.telemetry.gauges(), context.telemetry.histograms().get("hub_heartbeat_delay_seconds")
    return Machine(
        disk.free,
        disk.total,
        context.settings.capacity.min_free_mb * MEGABYTE,
        context.services.retention.usage().size,
        gauges.get("hub_lag_seconds"),
        within(beats, MOST_BEATS) if beats else None,
        _whole(gauges.get("delivery_slots")),
        _whole(gauges.get("delivery_slots_used")),
        sum(context.telemetry.broker_queues().values()),
    )


def within(measured: Histogram, part: float) -> float | None:
    """The border that `part` (0 to 1) of the values are not above; None: nothing was measured."""
    wanted = measured.count * part
    return next((border for border, count in measured.cumulative() if count and count >= wanted), None)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
