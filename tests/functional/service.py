"""Postroom as a service of a systemd that is process 1, installed as docs/operations.md says, word by word."""

import json
import re
import shutil
import socket
import sys
from pathlib import Path

import gevent

from appliance.installation.environment import PYTHON_TAG, Environment
from tests.checkouts import BASE_PYTHON, ROOT
from tests.functional.container import Container, Unbootable
from tests.functional.processes import Appliance

PLACE = "/opt/postroom"
CONFIG = "etc/postroom/config.ini"
SHELL = """\
sudo() { if [ "$1" = -u ]; then shift; runuser --user "$@"; else "$@"; fi; }
git() { echo '# as the next version has it' >>appliance/program.py; }
"""
FILES = (
    "appliance",
    "static",
    "run.py",
    "setup.cfg",
    "config.example.ini",
    "requirements.lock",
    "requirements-test.lock",
)
FAULTY = "tests/functional/standing_still.py"

PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"
SITE_PACKAGES = f"{PLACE}/.venv/lib/{PYTHON}/site-packages"


class Service(Appliance):
    """It is asked as any other appliance; systemd starts and ends it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.printed: list[list[str]] = []
        """What the first commands of the documentation printed."""
        packages = Path(gevent.__file__).parents[1]
        self._python = python_for_everybody()
        self.container = Container(directory, {packages: SITE_PACKAGES}, path="/opt/bin")

    def boot(self) -> None:
        """Leaves a machine with a checkout, ready for the first line of the documentation. Raises Unbootable."""
        self.container.boot()
        self.data_dir = self.container.root / "var/lib/postroom"
        self._copy_checkout()
        self._make_environment()
        self.container.run("userdel", "postroom", check=False)  # of a Postroom that runs on this machine

    def type(self, command: str) -> list[str]:
        """What a line of the documentation prints. No package index is asked and no repository: there is none."""
        typed = self.container.run("sh", "-c", SHELL + command)
        return [line.replace("python run.py", "python3 run.py") for line in typed.stdout.splitlines()]

    def postroom(self, *words: str, user: str = "postroom", said: str = "", check: bool = True) -> str:
        """What a command of the administrator prints."""
        ended = self.container.run("python3", "run.py", *words, user=user, said=said, check=check)
        return ended.stdout + ended.stderr

    def systemctl(self, *words: str, check: bool = True) -> str:
        return self.container.run("systemctl", *words, check=check).stdout

    def shows(self, name: str) -> str:
        """A property of the unit, such as `NRestarts`."""
        return self.systemctl("show", "--value", "--property", name, "postroom").strip()

    def pid(self) -> int:
        """Of the process that serves; 0 while none does. It is a number of the container's."""
        try:
            return int(json.loads((self.data_dir / "run.json").read_text())["pid"])
        except (OSError, ValueError):
            return 0

    def is_ready_after(self, pid: int) -> bool:
        """Whether another process than `pid` can take messages."""
        try:
            return self.pid() not in (0, pid) and self.request("GET", "/health/ready")[0] == 200
        except OSError:
            return False

    def journal(self) -> str:
        return self.container.run("journalctl", "--unit=postroom", "--output=cat").stdout

    def override(self, name: str, *lines: str) -> None:
        """Adds lines to the unit until the next boot; without lines takes them back."""
        directory = self.container.root / "run/systemd/system/postroom.service.d"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.conf").write_text("\n".join(["[Service]", *lines, ""]))
        self.systemctl("daemon-reload")

    def configuration(self) -> Path:
        return self.container.root / CONFIG

    def configure(self) -> None:
        """Ports that are free, and no minute of waiting before what a kill left uncertain is sent again."""
        self.port, self.flower_port = free_port(), free_port()
        with self.configuration().open("a") as file:
            file.write(f"\n[web]\nport = {self.port}\n[flower]\nport = {self.flower_port}\n")
            file.write("[delivery]\nretry_seconds = 1\n")

    def _copy_checkout(self) -> None:
        target = self.container.root / PLACE[1:]
        for name in (*FILES, FAULTY):
            source, place = ROOT / name, target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, place)
            self.container.run("chmod", "-R", "go+rX", f"{PLACE}/{name}")

    def _make_environment(self) -> None:
        """Leaves it as run.py does, but for the packages, which are those of the tests."""
        programs = self.container.root / "opt/bin"
        venv = self.container.root / PLACE[1:] / ".venv"
        for directory in (programs, venv / "bin"):
            directory.mkdir(parents=True, exist_ok=True)
        (programs / "python3").symlink_to(self._python)
        (venv / "bin" / "python").symlink_to(self._python)
        (venv / "pyvenv.cfg").write_text(f"home = {self._python.parent}\ninclude-system-site-packages = false\n")
        built = Environment(ROOT)
        built.path = Path(PLACE, ".venv")
        for name in (built._install_lock.name, built._use_lock.name):
            (venv / name).touch()
        (venv / built._stamp("run").name).write_text(f"{built._digest('run')} {PYTHON_TAG}\n")


def documented(heading: str) -> list[list[tuple[str, list[str]]]]:
    """Of each console session below a heading of docs/operations.md: the commands, with the lines they print."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    sessions = []
    for session in re.findall(r"```console\n(.*?)```", section, re.DOTALL):
        commands = re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]
        sessions.append([(lines[0], lines[1:]) for lines in (command.splitlines() for command in commands)])
    return sessions


def python_for_everybody() -> Path:
    """Of the version of the tests, whose packages it gets. Raises Unbootable."""
    for python in (Path("/usr/bin") / PYTHON, Path(BASE_PYTHON).resolve()):
        if python.exists() and not python.is_relative_to("/root") and not python.is_relative_to("/home"):
            return python
    raise Unbootable(f"here is no {PYTHON} outside of a home directory")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
