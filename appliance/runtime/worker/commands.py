"""Control commands whose usual meaning does not fit a worker that lives inside the appliance.

Celery's own would end the process (`shutdown`), do nothing (`pool_restart`, soft time limits, a changed hard one)
or stop all mail (`pool_shrink` below one). Each answers `{"ok": ...}` or `{"error": ...}`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from celery.worker.control import Panel

Command = Callable[..., Any]
Reply = dict[str, str]


def own_commands(commands: Mapping[str, Command]) -> dict[str, Command]:
    """Celery's commands with ours in their place; the table that all workers share stays as it is."""
    return {**commands, **_OWN}


def shutdown(state: Any, **_: Any) -> Reply:
    state.consumer.controller.request_shutdown()
    return {"ok": "the worker shuts down; the supervisor starts it again"}


def pool_restart(state: Any, **_: Any) -> Reply:
    state.consumer.controller.request_stop()
    return {"ok": "the worker finishes its tasks and starts with a new pool"}


def pool_shrink(state: Any, n: int = 1, **_: Any) -> Any:
    size = state.consumer.pool.num_processes
    if n >= size:
        return {"error": f"the pool has {size} slots and keeps at least one; shrink it by {size - 1} at most"}
    return Panel.data["pool_shrink"](state, n)


def autoscale(_state: Any, **_: Any) -> Reply:
    return {"error": "the pool is made of greenlets, idle ones cost nothing; set [worker] concurrency, or grow it"}


def time_limit(state: Any, task_name: str = "", hard: float | None = None, soft: float | None = None, **_: Any) -> Any:
    if soft is not None:
        return {"error": "a pool of greenlets knows no soft time limit; set the hard one only"}
    reply = Panel.data["time_limit"](state, task_name, hard=hard)
    state.consumer.update_strategies()  # Celery reads the limit when it builds these
    return reply


_OWN: dict[str, Command] = {
    command.__name__: command for command in (shutdown, pool_restart, pool_shrink, autoscale, time_limit)
}
