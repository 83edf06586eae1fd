"""The real appliance with faults to call up. SIGUSR1: the event loop is held for ever. SIGUSR2: the dispatcher dies and
cannot be started again.

`python tests/functional/standing_still.py [options of run.py]`
"""

import sys
from pathlib import Path

from gevent import monkey

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
monkey.patch_all()

import signal  # noqa: E402
from collections.abc import Callable  # noqa: E402
from types import FrameType  # noqa: E402

from appliance.errors import StartupError  # noqa: E402
from appliance.main import main  # noqa: E402
from appliance.runtime.dispatcher import Dispatcher  # noqa: E402

run, turn = Dispatcher.run, Dispatcher._turn
dead = False


def hold_the_loop(_number: int, _frame: FrameType | None) -> None:
    while True:
        monkey.get_original("time", "sleep")(60)


def die(_number: int, _frame: FrameType | None) -> None:
    global dead
    dead = True


def unless_dead(work: Callable[[Dispatcher], None]) -> Callable[[Dispatcher], None]:
    def guarded(dispatcher: Dispatcher) -> None:
        if dead:
            raise StartupError("it is dead")
        work(dispatcher)

    return guarded


if __name__ == "__main__":
    Dispatcher.run = unless_dead(run)  # type: ignore[method-assign]
    Dispatcher._turn = unless_dead(turn)  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, hold_the_loop)
    signal.signal(signal.SIGUSR2, die)
    sys.exit(main(sys.argv[1:]))
