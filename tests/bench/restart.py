"""How soon the appliance is ready again after a kill: `python -m tests.bench.restart [--queued 100000]`."""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.filling import fill
from tests.functional.processes import Appliance, listening

LIMIT_SECONDS = 3.0


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as directory, listening(Path(directory)) as sink:
        appliance = Appliance(Path(directory), {"LOG_LEVEL": "warning", "DELIVERY_MAX_AGE_HOURS": "10000"})
        try:
            appliance.start()
            _row("empty, the first start of all", appliance)
            appliance.stop()
            fill(f"sqlite:///{appliance.data_dir / 'postroom.db'}", options.queued, options.queued, port=sink.port)
            appliance.start()
            _row(f"{options.queued} queued, the first start", appliance)
            seconds = [_killed_and_started(appliance) for _ in range(options.kills)]
        finally:
            appliance.kill()
    print(
        f"after kill -9, median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s; "
        f"the limit is {LIMIT_SECONDS:.0f} s"
    )


def _killed_and_started(appliance: Appliance) -> float:
    time.sleep(2)  # it sends meanwhile
    appliance.kill()
    appliance.start()
    _row("after kill -9 while it sent", appliance)
    return appliance.seconds_to_ready


def _row(what: str, appliance: Appliance) -> None:
    """The processor's time is what it takes on a machine that does nothing else."""
    print(f"{what:34} {appliance.seconds_to_ready:5.2f} s, {appliance.cpu_seconds():5.2f} s of processor time")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure a restart on a backlog.")
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
