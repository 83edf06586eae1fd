"""A reader trusts nothing that is in an archive."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.services.backup_manifest import BackupDamaged, BackupTooNew
from appliance.services.backup_reading import ArchiveReader, BackupTooLarge
from tests.services.backup_boxes import DataBox, repacked, unpacked

Forge = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    box = DataBox(tmp_path_factory.mktemp("archive") / "var", migrated_file)
    box.fill()
    return box.back_up()


def read(archive: Path, limit: int = 2**40) -> None:
    with archive.open("rb") as file:
        reader = ArchiveReader(file, limit=limit, on_bytes=lambda _count: None)
        reader.header()
        reader.members(lambda _name: None)


def with_member(info: tarfile.TarInfo, content: bytes = b"") -> Forge:
    """Puts a member behind the header."""

    def forge(tar: bytes) -> bytes:
        info.size = len(content) if info.isreg() else 0
        block = info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)
        return tar[:1024] + block + tar[1024:]

    return forge


def link(kind: bytes, name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_good_archive_is_read_to_its_end(archive: Path) -> None:
    read(archive)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_cut_archive_is_refused(archive: Path, tmp_path: Path, share: float) -> None:
    content = archive.read_bytes()
    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(BackupDamaged):
        read(cut)


def test_archive_with_a_byte_changed_anywhere_is_refused_unless_the_same_comes_out(
    archive: Path, tmp_path: Path
) -> None:
    content, accepted = archive.read_bytes(), []
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 0xFF
        (tmp_path / "changed").write_bytes(changed)
        try:
            read(tmp_path / "changed")
            accepted.append(unpacked(tmp_path / "changed"))
        except BackupDamaged:
            pass

    assert [one for one in accepted if one != unpacked(archive)] == []
    assert len(accepted) < len(content) / 20  # bits that mean nothing are few


def test_tar_with_a_byte_changed_anywhere_is_refused(archive: Path) -> None:
    tar = unpacked(archive)
    for at in range(1024, len(tar) - 2048, max(1, len(tar) // 40)):
        changed = bytearray(tar)
        if changed[at : at + 8] == bytes(8):
            continue  # padding, which nobody reads
        changed[at] ^= 0xFF
        with pytest.raises((BackupDamaged, BackupTooNew)):
            read(repacked(archive, bytes(changed)))


@pytest.mark.parametrize("content", [b"", b"Dear Ann", bytes(4096), b"\x28\xb5\x2f\xfd"])
def test_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter").write_bytes(content)

    with pytest.raises(BackupDamaged):
        read(tmp_path / "letter")


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/passwd",
        "secrets/../../outside",
        "secrets/.hidden",
        "secrets/UPPER",
        "attachments/ab/../../../outside",
        "attachments/ab/" + "cd" * 32,
        "postroom.lock",
        "restore.json",
        "settings.ini.next",
        "config.ini",
        "backups/x",
    ],
)
def test_name_that_no_backup_has_is_refused(archive: Path, name: str) -> None:
    forged = repacked(archive, with_member(tarfile.TarInfo(name), b"x")(unpacked(archive)))

    with pytest.raises(BackupDamaged, match="something that no backup does"):
        read(forged)


@pytest.mark.parametrize(
    "info",
    [
        link(tarfile.SYMTYPE, "postroom.db", "/etc/passwd"),
        link(tarfile.LNKTYPE, "secrets/box_id", "/etc/passwd"),
        link(tarfile.DIRTYPE, "secrets", ""),
        link(tarfile.CHRTYPE, "postroom.db", ""),
        link(tarfile.FIFOTYPE, "postroom.db", ""),
        link(tarfile.GNUTYPE_LONGNAME, "postroom.db", ""),
        link(tarfile.XHDTYPE, "postroom.db", ""),
    ],
    ids=lambda info: info.type.decode(),
)
def test_everything_but_regular_files_is_refused(archive: Path, info: tarfile.TarInfo) -> None:
    with pytest.raises(BackupDamaged):
        read(repacked(archive, with_member(info)(unpacked(archive))))


def test_member_that_is_there_twice_is_refused(archive: Path) -> None:
    forge = with_member(tarfile.TarInfo("secrets/box_id"), b"another\n")

    with pytest.raises(BackupDamaged, match=r"secrets/box_id is in it twice"):
        read(repacked(archive, forge(unpacked(archive))))


def test_member_that_the_sums_do_not_know_is_refused(archive: Path) -> None:
    forge = with_member(tarfile.TarInfo("secrets/another"), b"x")

    with pytest.raises(BackupDamaged, match="checksums do not agree"):
        read(repacked(archive, forge(unpacked(archive))))


def test_attachment_that_is_not_what_its_name_says_is_refused(archive: Path) -> None:
    forge = with_member(tarfile.TarInfo("attachments/ab/ab" + "cd" * 31), b"x")

    with pytest.raises(BackupDamaged, match="is not what it was"):
        read(repacked(archive, forge(unpacked(archive))))


def test_secret_that_would_fill_the_memory_is_refused(archive: Path) -> None:
    forge = with_member(tarfile.TarInfo("secrets/large"), bytes(2**20 + 1))

    with pytest.raises(BackupDamaged, match="too large"):
        read(repacked(archive, forge(unpacked(archive))))


def test_no_more_comes_out_than_there_is_room_for(archive: Path) -> None:
    bomb = with_member(tarfile.TarInfo("postroom.db"), bytes(50 * 2**20))(unpacked(archive))

    with pytest.raises(BackupTooLarge, match="More comes out of the backup"):
        read(repacked(archive, bomb), limit=2**20)


def test_format_of_a_newer_version_is_refused_with_the_remedy(archive: Path) -> None:
    tar = unpacked(archive)
    header = tarfile.TarInfo.frombuf(tar[:512], "ascii", "strict")
    newer = tar[512 : 512 + header.size].replace(b'"format": 2', b'"format": 3')

    with pytest.raises(BackupTooNew, match=r"format 3 of a newer version.*Restore it with that version"):
        read(repacked(archive, tar[:512] + newer + tar[512 + header.size :]))


def test_members_come_out_as_they_went_in(archive: Path) -> None:
    taken: dict[str, io.BytesIO] = {}

    class Kept(io.BytesIO):
        def close(self) -> None:
            """Stays readable."""

    with archive.open("rb") as file:
        reader = ArchiveReader(file, limit=2**40, on_bytes=lambda _count: None)
        reader.header()
        reader.members(lambda name: taken.setdefault(name, Kept()))

    [attachment] = [content.getvalue() for name, content in taken.items() if name.startswith("attachments")]
    assert attachment == b"%PDF-1.7 an invoice"
