"""The real appliance, which on SIGUSR1 writes down what it is made of: `counted.py FILE [options of run.py]`.

FILE gets JSON: `blocks`, how many pieces of memory Python has handed out, and of what has come since it was ready
`greenlets`, how many are alive, and `objects`, how many of each type the garbage collector knows.
"""

import sys
from pathlib import Path

from gevent import monkey

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
monkey.patch_all()

import gc  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
from collections import Counter  # noqa: E402

import greenlet  # noqa: E402

from appliance.main import main  # noqa: E402


def tell(file: Path) -> None:
    there = gc.get_objects()  # but for what was built at the start, which is frozen and stays
    # by type: a proxy that is asked for its class asks what it stands for, which may not be there
    alive = sum(issubclass(type(one), greenlet.greenlet) and not one.dead for one in there)
    objects = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in there)
    partial = file.with_suffix(".new")
    told = {"greenlets": alive, "objects": objects, "blocks": sys.getallocatedblocks()}
    partial.write_text(json.dumps(told))
    os.replace(partial, file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: tell(Path(sys.argv[1])))
    sys.exit(main(sys.argv[2:]))
