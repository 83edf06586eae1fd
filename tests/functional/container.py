"""A container in which systemd is process 1: this machine's own, booted once more (see boot.sh)."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.waiting import wait_until

BOOT = Path(__file__).with_name("boot.sh")
IN_A_NAMESPACE = ["unshare", "--mount", "--propagation", "private", "setpriv", "--pdeathsig", "TERM", "sh", str(BOOT)]
TOOLS = ("systemd-nspawn", "systemctl", "unshare", "nsenter", "setpriv", "runuser")
NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--cgroup")


class Unbootable(Exception):
    """Why this machine cannot boot one, in one line."""


class Container:
    """It shares the network with the machine. `root` is its file system, as seen from outside."""

    def __init__(self, directory: Path, binds: Mapping[Path, str], path: str) -> None:
        """`binds`: directories of this machine, and where they stand in it, read-only. `path` comes first in PATH."""
        self.root = Path()
        self._directory = directory
        self._options = [f"--bind-ro={source}:{target}" for source, target in binds.items()]
        self._environment = {
            "PATH": ":".join([path, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]),
            "HOME": "/root",
            "LANG": "C.UTF-8",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def boot(self) -> None:
        """Returns when its systemd has started everything. Raises Unbootable."""
        self._probe()
        log = self._directory / "boot.log"
        place = self._directory / "container"
        place.mkdir()
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [*IN_A_NAMESPACE, str(place), "boot", *self._options],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        try:
            wait_until(self._is_up, 60)
        except AssertionError:
            self.shut_down()
            raise Unbootable(f"no container boots here: {_last_line(log.read_text(errors='replace'))}") from None

    def run(
        self, *command: str, user: str = "root", check: bool = True, said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """In /opt/postroom, as `user` would with `sudo`; `said` comes from its standard input."""
        as_user = [] if user == "root" else ["runuser", "--user", user, "--"]
        here = ["sh", "-c", 'cd /opt/postroom; exec "$@"', "sh"]
        result = subprocess.run(
            ["nsenter", f"--target={self._leader}", *NAMESPACES, *here, *as_user, *command],
            env=self._environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0 or not check, f"{command}: {result.returncode}\n{result.stdout}{result.stderr}"
        return result

    def shut_down(self) -> None:
        """Harmless twice."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            for one in psutil.Process(self._process.pid).children(recursive=True):
                one.kill()
            self._process.wait(60)

    def _probe(self) -> None:
        if os.geteuid() != 0:
            raise Unbootable("only root can boot a container")
        absent = [tool for tool in TOOLS if shutil.which(tool) is None]
        if absent:
            raise Unbootable(f"this machine lacks {', '.join(absent)} (on Debian in the package systemd-container)")
        place = self._directory / "probe"
        place.mkdir()
        probed = subprocess.run([*IN_A_NAMESPACE, str(place), "probe"], capture_output=True, text=True, check=False)
        if probed.returncode != 0:
            raise Unbootable(f"this machine does not let a container be mounted: {_last_line(probed.stderr)}")

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "it ended"
        self._leader = self._leader or self._find_leader()
        if not self._leader:
            return False
        self.root = Path(f"/proc/{self._leader}/root")
        if not (self.root / "run/systemd/private").exists():
            return False
        return self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip() in (
            "running",
            "degraded",
        )

    def _find_leader(self) -> int:
        """The process that is 1 inside; 0 while there is none."""
        assert self._process is not None
        for one in psutil.Process(self._process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # systemd-nspawn starts some that end at once
                if one.name() == "systemd":
                    return int(one.pid)
        return 0


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no word why"])[-1]
