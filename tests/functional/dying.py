"""The real appliance with a fault in its writer: the process is killed at one of its commits.

`python tests/functional/dying.py WHEN NUMBER [options of run.py]`; WHEN is `before` (the transaction stands open),
`during` (another thread kills while SQLite writes and syncs) or `after` (it is durable, and nobody has been told) the
commit of that NUMBER.
"""

import sys
from pathlib import Path

from gevent import monkey

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
monkey.patch_all()

import os  # noqa: E402
import signal  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import TypeVar  # noqa: E402

from sqlalchemy import Engine, event  # noqa: E402

from appliance.bootstrap import core  # noqa: E402
from appliance.bootstrap.native import NativeThreads  # noqa: E402
from appliance.main import main  # noqa: E402

T = TypeVar("T")
LONGEST_COMMIT = 0.004  # seconds; a kill that comes later is one between two commits, which is as good


class Dying:
    def __init__(self, when: str, number: int) -> None:
        self._when = when
        self._left = number
        self._reached = False

    def commit(self, _: object) -> None:
        """What SQLAlchemy calls right before each commit, in the thread that makes it."""
        self._left -= 1
        self._reached = self._left == 0
        if self._reached and self._when == "before":
            die()
        if self._reached and self._when == "during":
            monkey.get_original("_thread", "start_new_thread")(_die_soon, (os.urandom(1)[0] / 255 * LONGEST_COMMIT,))

    def committed(self) -> None:
        if self._reached and self._when == "after":
            die()


class DyingThreads(NativeThreads):
    def __init__(self, dying: Dying) -> None:
        super().__init__(1)
        self._dying = dying

    def apply(self, work: Callable[[], T]) -> T:
        result = super().apply(work)
        self._dying.committed()
        return result


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_soon(seconds: float) -> None:
    monkey.get_original("time", "sleep")(seconds)
    die()


if __name__ == "__main__":
    dying = Dying(sys.argv[1], int(sys.argv[2]))
    event.listen(Engine, "commit", dying.commit)
    core.WRITE_POOL = DyingThreads(dying)
    sys.exit(main(sys.argv[3:]))
