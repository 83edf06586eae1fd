"""The monitor: Flower, embedded. Its history outlives it, its passwords are checked before it sees a request."""

from appliance.runtime.monitor.component import Monitor

__all__ = ["Monitor"]
