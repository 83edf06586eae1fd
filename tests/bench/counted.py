"""The real appliance, which on SIGUSR1 writes down how many greenlets it has: `counted.py FILE [options of run.py]`."""

import sys
from pathlib import Path

from gevent import monkey

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
monkey.patch_all()

import gc  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402

import greenlet  # noqa: E402

from appliance.main import main  # noqa: E402


def tell(file: Path) -> None:
    gc.unfreeze()  # what was built at the start is hidden from a count
    # by type: a proxy that is asked for its class asks what it stands for, which may not be there
    alive = sum(issubclass(type(one), greenlet.greenlet) and not one.dead for one in gc.get_objects())
    partial = file.with_suffix(".new")
    partial.write_text(f"{alive}\n")
    os.replace(partial, file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: tell(Path(sys.argv[1])))
    sys.exit(main(sys.argv[2:]))
