"""Tornado's event loop, fit to be called from greenlets."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from tornado.platform.asyncio import AsyncIOLoop


class GreenletLoop(AsyncIOLoop):
    """An event loop that wakes for a callback from any greenlet.

    Tornado asks asyncio which loop runs in this thread, and wakes it only from other threads. Greenlets share one
    thread, so each of them seems to be inside the loop, and its callback would wait until something else wakes it.
    """

    def add_callback(self, callback: Callable[..., Any], *args: Any, **options: Any) -> None:
        with suppress(RuntimeError):  # closed meanwhile: there is nobody left to hear of it
            self.asyncio_loop.call_soon_threadsafe(self._run_callback, partial(callback, *args, **options))
