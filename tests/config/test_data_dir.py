import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config.data_dir import DataDirectory
from appliance.errors import StartupError

HOLDER = """
import sys
from pathlib import Path
from appliance.config.data_dir import DataDirectory
directory = DataDirectory(Path(sys.argv[1]))
directory.prepare()
directory.lock()
directory.write_run_file({"web_port": 1234})
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path / "parent" / "var")
    directory.prepare()
    yield directory
    directory.unlock()


@pytest.fixture
def other_appliance(directory: DataDirectory) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the directory."""
    command = [sys.executable, "-c", HOLDER, str(directory.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_is_made_for_its_owner_alone(directory: DataDirectory) -> None:
    assert mode_of(directory.path) == 0o700
    assert mode_of(directory.secrets) == 0o700


def test_preparing_leaves_nothing_behind_and_may_be_repeated(directory: DataDirectory) -> None:
    directory.path.chmod(0o755)

    directory.prepare()

    assert mode_of(directory.path) == 0o700
    assert list(directory.path.iterdir()) == [directory.secrets]


def test_file_in_its_place_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "var").touch()

    with pytest.raises(StartupError, match=r"is a file.*set \[appliance\] data_dir"):
        DataDirectory(tmp_path / "var").prepare()


def test_directory_that_nobody_can_write_is_refused_with_a_remedy() -> None:
    with pytest.raises(StartupError) as refused:
        DataDirectory(Path("/proc/postroom")).prepare()

    assert "data_dir" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_directory_of_somebody_else_names_its_owner(as_ordinary_user: None) -> None:
    with pytest.raises(StartupError, match=r"belongs to root.*chown -R"):
        DataDirectory(Path("/usr/postroom")).prepare()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else's undoing")
def test_root_is_kept_from_writing_what_the_owner_could_not_read(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)

    with pytest.raises(StartupError, match=r"belongs to nobody.*sudo -u nobody"):
        DataDirectory(tmp_path).prepare()

    assert list(tmp_path.iterdir()) == []


def test_second_appliance_is_kept_out_and_told_who_is_there(
    directory: DataDirectory, other_appliance: subprocess.Popen[str]
) -> None:
    with pytest.raises(StartupError, match=f"process {other_appliance.pid}"):
        directory.lock()


def test_lock_ends_with_its_process(directory: DataDirectory, other_appliance: subprocess.Popen[str]) -> None:
    other_appliance.kill()
    other_appliance.wait()

    directory.lock()

    assert directory.running() == json.loads((directory.path / "postroom.lock").read_text())


def test_running_appliance_is_found_with_what_it_wrote(
    directory: DataDirectory, other_appliance: subprocess.Popen[str]
) -> None:
    running = directory.running()

    assert running is not None
    assert (running["pid"], running["web_port"]) == (other_appliance.pid, 1234)


def test_run_file_of_a_killed_appliance_is_not_believed(
    directory: DataDirectory, other_appliance: subprocess.Popen[str]
) -> None:
    other_appliance.kill()
    other_appliance.wait()

    assert directory.run_file.exists()
    assert directory.running() is None


def test_file_that_was_being_written_when_its_process_died_is_swept(directory: DataDirectory) -> None:
    directory.prepare()
    half, other = directory.path / ".run.json-q7x2", directory.path / ".keep"
    for file in (half, other):
        file.write_text("{")

    directory.lock()

    assert (half.exists(), other.exists()) == (False, True)
    directory.unlock()


def test_unlocking_lets_another_appliance_start(directory: DataDirectory) -> None:
    directory.lock()
    directory.lock()
    directory.write_run_file({})
    directory.unlock()
    directory.unlock()

    assert directory.running() is None
    assert not directory.run_file.exists()


def test_secret_is_made_once_and_for_its_owner_alone(directory: DataDirectory) -> None:
    first = directory.secret("session_key")

    assert len(first) >= 32
    assert directory.secret("session_key", make=lambda: "another") == first
    assert mode_of(directory.secrets / "session_key") == 0o600


def test_secret_made_by_several_at_once_is_the_same_for_all(directory: DataDirectory) -> None:
    barrier = threading.Barrier(8)
    got: list[str] = []

    def make() -> str:
        barrier.wait()  # all have seen that there is none
        return os.urandom(8).hex()

    threads = [threading.Thread(target=lambda: got.append(directory.secret("key", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 8
    assert len(set(got)) == 1
    assert [path.name for path in directory.secrets.iterdir()] == ["key"]


def test_secret_that_others_can_read_is_closed(directory: DataDirectory) -> None:
    directory.secret("key")
    (directory.secrets / "key").chmod(0o644)

    directory.secret("key")

    assert mode_of(directory.secrets / "key") == 0o600


def test_empty_secret_is_refused_rather_than_made_anew(directory: DataDirectory) -> None:
    (directory.secrets / "key").touch()

    with pytest.raises(StartupError, match="Restore it from a backup"):
        directory.secret("key")


@pytest.mark.parametrize("name", ["../key", "", "Key", "a/b", ".hidden"])
def test_secret_cannot_leave_its_directory(directory: DataDirectory, name: str) -> None:
    with pytest.raises(ValueError):
        directory.secret(name)


def test_free_space_is_known_before_the_directory_exists(tmp_path: Path) -> None:
    assert DataDirectory(tmp_path / "not" / "yet").free_bytes() > 0


def test_directory_with_files_of_others_is_left_as_it_is(tmp_path: Path) -> None:
    foreign = tmp_path / "var"
    foreign.mkdir(mode=0o755)
    (foreign / "other.txt").write_text("somebody needs this")

    with pytest.raises(StartupError, match=r"not Postroom's.*data_dir"):
        DataDirectory(foreign).prepare()

    assert foreign.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in foreign.iterdir()] == ["other.txt"]


@pytest.mark.parametrize("left_behind", ["postroom.lock", "postroom.db"])
def test_directory_of_an_earlier_appliance_is_taken_again(tmp_path: Path, left_behind: str) -> None:
    ours = tmp_path / "var"
    ours.mkdir()
    (ours / left_behind).touch()
    (ours / "notes.txt").touch()

    DataDirectory(ours).prepare()


def test_empty_file_system_of_its_own_is_taken(tmp_path: Path) -> None:
    (tmp_path / "var" / "lost+found").mkdir(parents=True)

    DataDirectory(tmp_path / "var").prepare()
