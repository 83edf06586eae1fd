"""Checkouts that are small enough to be installed in seconds, from packages made on the spot: no network is used."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE_PYTHON = getattr(sys, "_base_executable", sys.executable)

SETUP_CFG = """\
[options]
install_requires =
    gevent==0.0.1
    packaging
[options.extras_require]
test =
    pytest==0.0.1
"""
MAIN = """\
import os, sys
def main(argv):
    print(os.getpid(), sys.prefix, *argv)
    if argv == ["wait"]:
        print("waiting", flush=True)
        sys.stdin.readline()
    return 7
"""
GEVENT = {"gevent/__init__.py": "", "gevent/monkey.py": "def patch_all(): pass\n"}
PYTEST = {"pytest.py": "def main(arguments):\n    print('tested', *arguments)\n    return 3\n"}


@dataclass
class Checkout:
    """A directory with a real run.py, and an `appliance.main` that says where it runs and returns 7."""

    path: Path

    @classmethod
    def make(cls, path: Path) -> "Checkout":
        shutil.copytree(ROOT / "appliance" / "installation", path / "appliance" / "installation")
        shutil.copy(ROOT / "appliance" / "program.py", path / "appliance")
        (path / "appliance" / "__init__.py").touch()
        (path / "appliance" / "main.py").write_text(MAIN)
        (path / "setup.cfg").write_text(SETUP_CFG)
        shutil.copy(ROOT / "run.py", path)
        checkout = cls(path)
        checkout.lock({"gevent": "0.0.1"}, {"gevent": "0.0.1", "pytest": "0.0.1"})
        return checkout

    @property
    def venv(self) -> Path:
        return self.path / ".venv"

    @property
    def wheels(self) -> Path:
        return self.path / "wheels"

    def lock(self, run: dict[str, str], test: dict[str, str] | None = None) -> None:
        """Makes the packages and writes the lock files that name them."""
        for name, pins in (("requirements.lock", run), ("requirements-test.lock", test or run)):
            lines = [self._pinned(package, version) for package, version in pins.items()]
            (self.path / name).write_text("".join(lines))

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BASE_PYTHON, "run.py", *arguments],
            cwd=self.path,
            env=self._environ() | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_hear_interrupts,
        )

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environ)
        stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def _environ(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        return clean | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}

    def _pinned(self, package: str, version: str) -> str:
        files = {"gevent": GEVENT, "pytest": PYTEST}.get(package, {f"{package}.py": ""})
        wheel = make_wheel(self.wheels, package, version, files)
        return f"{package}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _hear_interrupts() -> None:
    """A shell has what it starts in the background ignore them, and so would everything below."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def make_wheel(directory: Path, package: str, version: str, files: dict[str, str]) -> Path:
    """A package as pip installs it (PyPA's binary distribution format). One that is there already is kept."""
    directory.mkdir(exist_ok=True)
    path = directory / f"{package}-{version}-py3-none-any.whl"
    if path.exists():
        return path
    information = f"{package}-{version}.dist-info"
    contents = files | {
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in contents.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**contents, f"{information}/RECORD": f"{record}{information}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return path


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
