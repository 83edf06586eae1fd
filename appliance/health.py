"""What a component says of itself."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

DISPENSABLE = ("monitor", "errands")
"""Components without which mail is still accepted and sent."""


class Status(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Health:
    """A component's state at one moment.

    `detail` is one line for a person: the error's text when the status is FAILED.
    `restarts` counts how often the supervisor had to start the component again.
    """

    name: str
    status: Status
    detail: str = ""
    since: datetime | None = None
    restarts: int = 0

    @property
    def ok(self) -> bool:
        return self.status is Status.RUNNING

    def with_restarts(self, restarts: int) -> "Health":
        return replace(self, restarts=restarts)
