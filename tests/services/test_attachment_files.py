import hashlib
import os
from pathlib import Path

import pytest
from gevent.threadpool import ThreadPool

from appliance.errors import StorageUnavailable
from appliance.services.attachment_files import AttachmentDamaged, AttachmentFiles


@pytest.fixture
def files(tmp_path: Path) -> AttachmentFiles:
    return AttachmentFiles(tmp_path / "attachments")


def path_of(tmp_path: Path, digest: str) -> Path:
    return tmp_path / "attachments" / digest[:2] / digest


def test_what_was_stored_is_read_back_by_its_sha256(files: AttachmentFiles) -> None:
    digest = files.store(b"content")

    assert digest == hashlib.sha256(b"content").hexdigest()
    assert files.read(digest) == b"content"


def test_the_same_content_is_stored_once(files: AttachmentFiles, tmp_path: Path) -> None:
    digests = {files.store(b"content"), files.store(b"content")}

    assert len(digests) == 1
    assert len(list((tmp_path / "attachments").glob("*/*"))) == 1


def test_a_file_that_changed_on_disk_is_not_sent(files: AttachmentFiles, tmp_path: Path) -> None:
    digest = files.store(b"content")
    path_of(tmp_path, digest).write_bytes(b"c0ntent")

    with pytest.raises(AttachmentDamaged, match="changed on disk"):
        files.read(digest)


def test_a_file_that_is_gone_is_an_error_that_says_so(files: AttachmentFiles) -> None:
    with pytest.raises(AttachmentDamaged, match="cannot be read"):
        files.read("0" * 64)


def test_a_directory_that_takes_no_files_refuses_the_upload(files: AttachmentFiles, tmp_path: Path) -> None:
    (tmp_path / "attachments").write_text("in the way")

    with pytest.raises(StorageUnavailable, match="cannot be stored"):
        files.store(b"content")


def test_storing_again_makes_a_file_young(files: AttachmentFiles, tmp_path: Path) -> None:
    digest = files.store(b"content")
    os.utime(path_of(tmp_path, digest), (1000, 1000))
    assert list(files.older_than(2000)) == [digest]

    files.store(b"content")

    assert list(files.older_than(2000)) == []
    assert not files.remove(digest, unless_stored_since=2000)


def test_a_half_written_file_is_swept_away(files: AttachmentFiles, tmp_path: Path) -> None:
    digest = files.store(b"content")
    half = path_of(tmp_path, digest).with_name(".half")
    half.write_bytes(b"con")
    os.utime(half, (1000, 1000))

    assert list(files.older_than(2000)) == []
    assert not half.exists()


def test_removing_twice_is_harmless(files: AttachmentFiles) -> None:
    digest = files.store(b"content")

    assert files.remove(digest, unless_stored_since=float("inf"))
    assert not files.remove(digest, unless_stored_since=float("inf"))


def test_a_file_that_is_stored_again_while_it_is_removed_is_there_afterwards(
    files: AttachmentFiles, tmp_path: Path, native: ThreadPool
) -> None:
    digest = files.store(b"content")

    for _ in range(300):
        os.utime(path_of(tmp_path, digest), (1000, 1000))
        storing = native.spawn(files.store, b"content")
        files.remove(digest, unless_stored_since=2000)
        storing.get()
        assert files.read(digest) == b"content"

    assert [path.name for path in (tmp_path / "attachments").glob("*/*")] == [digest]


def test_a_file_that_is_gone_cannot_be_made_young(files: AttachmentFiles) -> None:
    digest = files.store(b"content")

    assert files.touch(digest)
    files.remove(digest, unless_stored_since=float("inf"))
    assert not files.touch(digest)


def test_a_file_is_taken_back_only_by_who_brought_it(files: AttachmentFiles) -> None:
    first, second = files.keep(b"content"), files.keep(b"content")

    assert not files.take_back(second)
    assert not files.take_back(first), "the second needs it"
    assert files.read(first.digest) == b"content"


def test_a_file_that_nobody_else_needs_is_taken_back(files: AttachmentFiles) -> None:
    kept = files.keep(b"content")

    assert files.take_back(kept)
    assert not files.exists(kept.digest)
    assert not files.take_back(kept)


def test_two_that_store_the_same_at_once_take_nothing_from_each_other(
    files: AttachmentFiles, native: ThreadPool
) -> None:
    for _ in range(300):
        other = native.spawn(files.keep, b"content")
        ours = files.keep(b"content")
        theirs = other.get()
        files.take_back(ours)

        assert files.exists(theirs.digest)
        files.remove(ours.digest, unless_stored_since=float("inf"))
