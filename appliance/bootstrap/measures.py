"""What the running parts measure of themselves, under the names that /metrics gives it."""

from collections.abc import Callable, Mapping

from appliance.bootstrap.core import Core
from appliance.db.writer import GroupCommitWriter
from appliance.histogram import Histogram
from appliance.runtime.watchdog import HubWatchdog


class Measures:
    def __init__(self, core: Core, watchdog: HubWatchdog, slots: Callable[[], int]) -> None:
        """`slots`: how many batches may be in delivery at once."""
        self._core = core
        self._watchdog = watchdog
        self._slots = slots

    def gauges(self) -> Mapping[str, float]:
        found = {
            "hub_lag_seconds": self._watchdog.lag(),
            "delivery_slots": float(self._slots()),
            "delivery_slots_used": float(self._core.in_flight.used_slots(high_priority=False)),
            "db_connections_active": float(self._core.database.connections_active()),
        }
        writer = self._core.database.writer
        if isinstance(writer, GroupCommitWriter):  # a database server does this itself
            found["db_largest_batch"] = float(writer.statistics.largest_batch)
        return found

    def counters(self) -> Mapping[str, float]:
        writer = self._core.database.writer
        if not isinstance(writer, GroupCommitWriter):
            return {}
        counted = writer.statistics
        return {
            "db_writes": float(counted.writes),
            "db_commits": float(counted.commits),
            "db_failed_commits": float(counted.failed_commits),
        }

    def histograms(self) -> Mapping[str, Histogram]:
        found = {
            "messages_send_duration_seconds": self._core.services.delivery.durations,
            "hub_heartbeat_delay_seconds": self._watchdog.lags,
        }
        writer = self._core.database.writer
        return found | (
            {"db_writes_per_commit": writer.statistics.batches} if isinstance(writer, GroupCommitWriter) else {}
        )
