"""The form of a backup: a tar of regular files, compressed with Zstandard, written and read as a stream.

    postroom-backup.json   the header
    postroom.db            the database
    secrets/NAME           what is encrypted with, what opens sessions, ...
    settings.ini           what was chosen in the browser, if something was
    attachments/AB/ABCD... by the SHA-256 of their content
    SHA256SUMS             of all members before it, as sha256sum(1) reads it
    manifest.json          what it holds, and the SHA-256 of SHA256SUMS

`tar --zstd -x` and `sha256sum -c SHA256SUMS` look into one without this program. Nothing is ever held in memory whole.
A reader trusts nothing: it takes these names and regular files only, each once, and no more bytes than it was told.
"""

import re
import tarfile

from appliance.config import browser_settings

HEADER, DATABASE, SUMS, MANIFEST = "postroom-backup.json", "postroom.db", "SHA256SUMS", "manifest.json"
SECRETS, ATTACHMENTS = "secrets", "attachments"
SETTINGS = browser_settings.FILE_NAME
SUFFIX = ".tar.zst"

LEVEL = 1  # measured on a database of messages: 240 MB/s to 27 %; level 3 150 MB/s to 23 %, gzip -1 73 MB/s to 33 %
LARGEST_WINDOW = 2**23  # bytes of memory that reading takes, whatever the archive asks for
CHUNK = 2**20
LARGEST_TEXT = 2**20  # bytes of a secret, the settings, the header, the manifest

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)

NAME = re.compile(
    rf"{re.escape(HEADER)}|{re.escape(DATABASE)}|{SUMS}|{re.escape(MANIFEST)}|{SECRETS}/[a-z][a-z0-9_]{{0,63}}|"
    rf"{re.escape(SETTINGS)}|{ATTACHMENTS}/([0-9a-f]{{2}})/(\1[0-9a-f]{{62}})"
)


def sum_line(name: str, digest: str) -> bytes:
    """A line of SHA256SUMS."""
    return f"{digest}  {name}\n".encode("ascii")


def padding(size: int) -> int:
    """Bytes between the end of a member and the next header."""
    return -size % BLOCK
