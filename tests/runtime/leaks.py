"""What a component that is started and stopped again must not pile up."""

import gc
import os
import threading
from dataclasses import dataclass

import greenlet


@dataclass(frozen=True)
class Holdings:
    greenlets: int
    threads: int
    files: int


def holdings() -> Holdings:
    gc.collect()
    alive = [thing for thing in gc.get_objects() if isinstance(thing, greenlet.greenlet) and not thing.dead]
    return Holdings(len(alive), threading.active_count(), len(os.listdir("/proc/self/fd")))


def no_more_than(now: Holdings, before: Holdings) -> bool:
    return now.greenlets <= before.greenlets and now.threads <= before.threads and now.files <= before.files
