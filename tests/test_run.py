"""`run.py` before any package is there: real interpreters, real virtual environments, real pip."""

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.checkouts import BASE_PYTHON, ROOT, Checkout
from tests.waiting import wait_until


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.make(tmp_path / "checkout")


@dataclass
class FirstStart:
    checkout: Checkout
    pid: int
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    """Tests that use it leave its environment as it is."""
    checkout = Checkout.make(tmp_path_factory.mktemp("installed") / "checkout")
    process = checkout.start("some", "words")
    stdout, stderr = process.communicate(timeout=120)
    return FirstStart(checkout, process.pid, process.returncode, stdout, stderr)


def test_first_start_installs_and_goes_on_in_the_environment_as_the_same_process(first_start: FirstStart) -> None:
    assert first_start.stdout.split() == [str(first_start.pid), str(first_start.checkout.venv), "some", "words"]
    assert first_start.returncode == 7
    assert "Installing 1 packages" in first_start.stderr


def test_second_start_installs_nothing(first_start: FirstStart) -> None:
    result = first_start.checkout.run(PIP_FIND_LINKS="/nowhere")

    assert result.returncode == 7
    assert result.stderr == ""


def test_package_that_is_gone_from_the_environment_is_one_line_with_the_remedy(
    first_start: FirstStart, tmp_path: Path
) -> None:
    copy = Checkout(shutil.copytree(first_start.checkout.path, tmp_path / "copy", symlinks=True))
    (copy.path / "appliance" / "main.py").write_text("import flower.app\n")

    result = copy.run()

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("The package of the module flower is gone from ")
    assert "Remove that directory" in result.stderr.splitlines()[-1]


def test_checkout_in_another_place_gets_an_environment_of_its_own(first_start: FirstStart, tmp_path: Path) -> None:
    copy = Checkout(shutil.copytree(first_start.checkout.path, tmp_path / "copy", symlinks=True))

    result = copy.run()

    assert result.stdout.split()[1] == str(copy.venv)
    assert "Installing" in result.stderr


def test_interrupted_installation_is_repaired_by_the_next_start(first_start: FirstStart, tmp_path: Path) -> None:
    copy = Checkout(shutil.copytree(first_start.checkout.path, tmp_path / "copy", symlinks=True))
    (copy.venv / ".postroom-run").unlink()  # is written last
    next(copy.venv.glob("lib/*/site-packages/gevent/monkey.py")).unlink()

    result = copy.run()

    assert result.returncode == 7


def test_changed_lock_file_makes_the_environment_anew_but_not_under_a_running_appliance(checkout: Checkout) -> None:
    checkout.lock({"gevent": "0.0.1", "leftover": "1.0"})
    running = checkout.start("wait")
    assert running.stdout is not None
    wait_until(lambda: "waiting" in running.stdout.readline(), timeout=60)
    checkout.lock({"gevent": "0.0.1", "newcomer": "1.0"})

    refused = checkout.run()
    running.communicate("go on\n")
    accepted = checkout.run()

    installed = {path.name for path in checkout.venv.glob("lib/*/site-packages/*.py")}
    assert refused.returncode == 1
    assert "Stop it, then start it again." in refused.stderr.splitlines()[-1]
    assert accepted.returncode == 7
    assert "newcomer.py" in installed
    assert "leftover.py" not in installed


def test_two_first_starts_at_once_install_once(checkout: Checkout) -> None:
    processes = [checkout.start(), checkout.start()]
    outputs = [process.communicate(timeout=120) for process in processes]

    assert [process.returncode for process in processes] == [7, 7]
    assert sum("Installing" in stderr for _, stderr in outputs) == 1


def test_test_set_holds_what_a_start_needs(checkout: Checkout) -> None:
    result = checkout.run("test", "-k", "something")

    assert result.stdout.split() == ["tested", "-k", "something"]
    assert result.returncode == 3
    assert checkout.run().stderr == ""


def test_package_that_cannot_be_got_is_one_line_and_exit_code_1(checkout: Checkout) -> None:
    result = checkout.run(PIP_FIND_LINKS="/nowhere")

    last_line = result.stderr.splitlines()[-1]
    assert result.returncode == 1
    assert "the package index could not be reached, or lacks a package" in last_line
    assert str(checkout.venv / "install.log") in last_line
    assert len(result.stderr.splitlines()) == 2  # the other says that it began
    assert not (checkout.venv / ".postroom-run").exists()


def test_package_index_that_refuses_the_connection_is_one_line(checkout: Checkout, closed_port: int) -> None:
    result = checkout.run(
        PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_RETRIES="0", PIP_INDEX_URL=f"http://127.0.0.1:{closed_port}/simple"
    )

    assert result.returncode == 1
    assert "could not be reached" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_package_with_another_hash_is_refused(checkout: Checkout) -> None:
    lock_file = checkout.path / "requirements.lock"
    lock_file.write_text(lock_file.read_text().split("sha256:")[0] + "sha256:" + "0" * 64 + "\n")

    result = checkout.run()

    assert result.returncode == 1
    assert "differs from the one that the lock file names" in result.stderr.splitlines()[-1]


def test_interrupting_an_installation_is_quiet_and_leaves_nothing_finished(
    checkout: Checkout, silent_server: int
) -> None:
    process = checkout.start(
        PIP_NO_INDEX="0", PIP_FIND_LINKS="", PIP_INDEX_URL=f"http://127.0.0.1:{silent_server}/simple"
    )
    wait_until((checkout.venv / ".postroom-installing").exists, timeout=60)

    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)

    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "Interrupted. The next start finishes the installation."
    assert "Traceback" not in stderr
    assert not (checkout.venv / ".postroom-run").exists()


def test_environment_of_somebody_else_is_not_touched(checkout: Checkout) -> None:
    subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", checkout.venv], check=True)
    before = sorted(checkout.venv.rglob("*"))

    result = checkout.run()

    assert result.returncode == 1
    assert "is not Postroom's own" in result.stderr
    assert sorted(checkout.venv.rglob("*")) == before


def test_directory_that_cannot_be_made_is_one_line(checkout: Checkout) -> None:
    (checkout.path / ".venv").write_text("in the way")

    result = checkout.run()

    assert result.returncode == 1
    assert result.stderr.startswith("The packages cannot be installed: ")
    assert result.stderr.count("\n") == 1


def test_python_without_ensurepip_names_the_debian_package(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")

    result = checkout.run(PYTHONPATH=str(tmp_path))

    assert result.returncode == 1
    assert "apt install python3-venv" in result.stderr.splitlines()[-1]


def test_older_python_is_told_in_one_line() -> None:
    program = f"import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); runpy.run_path({str(ROOT / 'run.py')!r})"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("Postroom needs Python 3.11 or newer, and this is Python 3.9")


def test_older_python_can_read_the_file_that_tells_it() -> None:
    ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))


def test_interpreter_that_has_the_packages_is_used_as_it_is(tmp_path: Path) -> None:
    for name in ("run.py", "setup.cfg", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "appliance", tmp_path / "appliance", ignore=shutil.ignore_patterns("__pycache__"))

    result = subprocess.run([sys.executable, "run.py", "version"], cwd=tmp_path, capture_output=True, text=True)

    assert result.returncode == 0
    assert not (tmp_path / ".venv").exists()


@pytest.mark.functional
def test_bare_interpreter_installs_the_real_lock_file(tmp_path: Path) -> None:
    for name in ("run.py", "setup.cfg", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "appliance", tmp_path / "appliance", ignore=shutil.ignore_patterns("__pycache__"))

    result = subprocess.run([BASE_PYTHON, "run.py", "check"], cwd=tmp_path, capture_output=True, text=True)

    if "could not be reached" in result.stderr:
        pytest.skip("the package index cannot be reached")
    assert f"packages: as in requirements.lock, in {tmp_path / '.venv'}" in result.stdout


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]
