"""Celery's WorkController, made to live inside a process that it must never end."""

import time
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.exceptions import WorkerTerminate
from celery.worker import WorkController
from celery.worker import state as celery_state
from celery.worker.consumer import Consumer
from celery.worker.consumer.control import Control

from appliance.runtime.worker.commands import own_commands
from appliance.tasks.broker import hurry

CONTROL_TIMEOUT = 5.0

Report = Callable[[str], None]
"""Is told what is wrong with the connection to the broker, or "" once tasks are consumed."""


class ReportingConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Tells its controller when the broker is lost and found, and answers control commands our way."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for step in self._control_steps():
            step.box.node.handlers = own_commands(step.box.node.handlers)

    def on_ready(self) -> None:
        super().on_ready()
        self._await_control()
        self.controller.report("")

    def on_connection_error_before_connected(self, error: BaseException) -> None:
        self.controller.report(_lost(error))
        super().on_connection_error_before_connected(error)

    def on_connection_error_after_connected(self, error: BaseException) -> None:
        self.controller.report(_lost(error))
        super().on_connection_error_after_connected(error)

    def hurry(self) -> None:
        """Keeps no stop waiting for a message that may come."""
        if self.connection is not None:
            hurry(self.connection.transport)
        for step in self._control_steps():
            channel = step.box.node.channel
            hurry(channel.connection if channel is not None else None)

    def _await_control(self) -> None:
        """Control commands are heard in a greenlet of its own, which may only be on its way to the broker."""
        deadline = time.monotonic() + CONTROL_TIMEOUT
        while time.monotonic() < deadline and not all(step.box.consumer for step in self._control_steps()):
            time.sleep(0.001)

    def _control_steps(self) -> list[Control]:
        return [step for step in self.steps if isinstance(step, Control)]


class Controller(WorkController):  # type: ignore[misc]  # Celery has no types
    """Lives once: `start` returns when all is released.

    Celery keeps the wish to stop in its module `state`, so there is one worker a process.
    """

    def __init__(self, app: Celery, hostname: str, concurrency: int, report: Report) -> None:
        celery_state.should_stop = celery_state.should_terminate = None
        self.report = report
        self.shut_down = False
        super().__init__(
            app=app,
            hostname=hostname,
            pool_cls="gevent",
            concurrency=concurrency,
            consumer_cls=ReportingConsumer,
            without_gossip=True,  # there is no other worker to talk to
            without_mingle=True,
        )

    def start(self) -> None:
        """Consumes until asked to stop. Raises what ended it otherwise, after releasing everything."""
        try:
            self.blueprint.start(self)
        except WorkerTerminate:
            self.terminate()
        except SystemExit:  # how Celery says that it was asked to stop
            self.stop()
        except BaseException:
            self.stop()
            raise

    def request_stop(self) -> None:
        """Takes no further task, lets those at work finish, then `start` returns. From any thread."""
        celery_state.should_stop = True
        self.consumer.hurry()

    def request_shutdown(self) -> None:
        self.shut_down = True
        self.request_stop()


def _lost(error: BaseException) -> str:
    return f"the connection to the broker is lost ({error}); reconnecting"
