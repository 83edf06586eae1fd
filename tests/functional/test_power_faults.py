"""After a power cut only that is left which was brought to the disk, and any part of what was written since.

A small library, preloaded into the real appliance, remembers each file of the database as it was at its last fsync.
After a kill, files are made in which every sector written since is there or not as chance wants it, as a disk leaves
them that sorts its writes; and every message that was accepted must be in each of them.
"""

import os
import random
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.functional.conftest import MakeAppliance
from tests.functional.insisting import InsistingClients
from tests.functional.mail import add_account, arrivals, post
from tests.functional.processes import Appliance
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

SOURCE = Path(__file__).with_name("power_cut.c")
SECTOR = 512
CUTS = 4
MIXTURES = 10
SEED = int(os.environ.get("CRASH_SEED") or random.randrange(10**6))
FILES = ("postroom.db", "postroom.db-wal")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler to make the library that remembers what was synced")
    path = tmp_path_factory.mktemp("power") / "power_cut.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", str(path), str(SOURCE), "-ldl"], check=True)
    return path


@pytest.fixture
def watched(make_appliance: MakeAppliance, library: Path, tmp_path: Path) -> Appliance:
    """An appliance of which it is remembered what a power cut would leave of it."""
    (tmp_path / "synced").mkdir()
    appliance = make_appliance({"LOG_LEVEL": "warning", "DELIVERY_RETRY_SECONDS": "1"})
    appliance.environment |= {
        "LD_PRELOAD": str(library),
        "POWER_CUT_OF": str(appliance.directory),
        "POWER_CUT_TO": str(tmp_path / "synced"),
    }
    return appliance


def test_what_was_accepted_survives_any_mixture_of_what_was_not_synced(
    watched: Appliance, tmp_path: Path, sink: SmtpSink
) -> None:
    print(f"to repeat this: CRASH_SEED={SEED}")
    chance = random.Random(SEED)
    watched.start()
    add_account(watched, sink)

    with InsistingClients(watched, watched.local_token()) as clients:
        for _ in range(CUTS):
            clients.post_more(40)
            time.sleep(chance.uniform(0, 0.3))
            watched.kill()
            accepted = dict(clients.accepted)
            written, synced = _contents(watched.data_dir), _contents(tmp_path / "synced")
            for _ in range(MIXTURES):
                _lay_down(tmp_path / "mixed", {name: _mixture(written[name], synced[name], chance) for name in FILES})
                assert _missing(tmp_path / "mixed", accepted) == set()
            _lay_down(watched.data_dir, synced)  # the harshest: everything since is gone
            watched.start()
        clients.post_more(20)
    wait_until(lambda: set(clients.accepted) <= set(arrivals(sink)), timeout=60)

    assert clients.refused == []
    assert [one for one, ids in arrivals(sink).items() if len(set(ids)) > 1] == []


@pytest.mark.parametrize("frames", [0, 1, 2, 7, 10_000])
def test_what_was_accepted_survives_a_log_that_is_cut_anywhere_after_the_last_sync(
    watched: Appliance, tmp_path: Path, frames: int
) -> None:
    watched.start()
    with InsistingClients(watched, watched.local_token()) as clients:
        clients.post_more(60)
        watched.kill()
        accepted = dict(clients.accepted)
        written, synced = _contents(watched.data_dir), _contents(tmp_path / "synced")
        log = written[FILES[1]]
        kept = min(len(log), len(synced[FILES[1]]) + frames * (4096 + 24))
        _lay_down(tmp_path / "cut", {FILES[0]: synced[FILES[0]], FILES[1]: log[:kept]})
        watched.start()

    assert len(accepted) >= 60
    assert _missing(tmp_path / "cut", accepted) == set()


def test_attachments_and_secrets_are_on_the_disk_with_their_names_before_the_message_is_accepted(
    watched: Appliance, tmp_path: Path
) -> None:
    watched.start()
    for number in range(5):
        post(
            watched, attachments=[{"filename": "a.txt", "content": "QUJD" * (number + 1), "content_type": "text/plain"}]
        )
    watched.kill()

    files, entries = _synced(tmp_path / "synced" / "synced")
    kept = [path for path in (watched.data_dir / "attachments").rglob("*") if path.is_file()]
    secrets = list((watched.data_dir / "secrets").iterdir())
    assert len(kept) == 5
    for path in kept + secrets:
        assert path.stat().st_ino in files, path
        assert _unsynced_names(path, watched.data_dir, entries) == []


def _contents(directory: Path) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() if (directory / name).exists() else b"" for name in FILES}


def _mixture(written: bytes, synced: bytes, chance: random.Random) -> bytes:
    """Each sector as it was at the last sync, or as it was written since."""
    share = chance.random()
    length = chance.choice((len(synced), len(written)))
    old, new = synced.ljust(length, b"\0")[:length], written.ljust(length, b"\0")[:length]
    sectors = ((new if chance.random() < share else old)[start : start + SECTOR] for start in range(0, length, SECTOR))
    return b"".join(sectors)


def _lay_down(directory: Path, contents: dict[str, bytes]) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "postroom.db-shm").unlink(missing_ok=True)
    for name, content in contents.items():
        (directory / name).write_bytes(content)


def _missing(directory: Path, accepted: dict[str, str]) -> set[str]:
    """Messages that were accepted and are not in that database, which is whole."""
    with closing(sqlite3.connect(directory / FILES[0])) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return set(accepted.values()) - {row[0] for row in database.execute("SELECT id FROM messages")}


def _unsynced_names(path: Path, top: Path, entries: dict[str, set[int]]) -> list[Path]:
    """Of the path, those up to `top` whose directory was not synced since they were made in it."""
    places = (path, *path.parents[: len(path.relative_to(top).parts)])
    return [place for place in places if place.stat().st_ino not in entries.get(str(place.parent), set())]


def _synced(log: Path) -> tuple[set[int], dict[str, set[int]]]:
    """The inodes of files whose content was synced, and the inodes that the last sync of each directory found in it."""
    files: set[int] = set()
    entries: dict[str, set[int]] = {}
    directory = ""
    for line in log.read_text().splitlines():
        kind, inode, *rest = line.split(" ", 2)
        if kind == "file":
            files.add(int(inode))
        elif kind == "directory":
            directory = rest[0]
            entries[directory] = set()
        else:
            entries[directory].add(int(inode))
    return files, entries
