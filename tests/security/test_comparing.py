"""How secrets are stored and compared."""

import ast
import re
from pathlib import Path

from argon2 import Type, extract_parameters

from appliance.services.passwords import Passwords

SOURCES = Path(__file__).resolve().parents[2] / "appliance"
SECRET = re.compile(
    r"token|secret|password|passphrase|signature|digest|api_?key$|code_hash|authorization", re.IGNORECASE
)

COMPARED_PLAINLY = {
    "db/models/user.py": "in the database, by the hash of a code: its time tells nothing of the code",
    "db/queries/access.py": "in the database, by the hash of a key or a token",
    "installation/environment.py": "the checksum of a file that everybody may read",
    "services/attachment_files.py": "a checksum",
    "services/backup_reading.py": "a checksum",
    "services/own_password.py": "what is stored now with what was stored a moment ago: nobody's guess is compared",
    "services/second_factor.py": "what is stored now with what was stored a moment ago: nobody's guess is compared",
}
"""Where a name that sounds secret is compared by `==`, and why that tells nobody anything."""


def test_passwords_are_hashed_as_rfc_9106_recommends() -> None:
    """Section 4, the second choice: argon2id, 3 passes, 4 lanes, 64 MiB, a salt of 128 bits, 256 bits of hash."""
    used = extract_parameters(Passwords(lambda work: work()).hash("a long password"))

    assert used.type is Type.ID
    assert used.version == 19
    assert (used.time_cost, used.memory_cost, used.parallelism) == (3, 65536, 4)
    assert (used.salt_len, used.hash_len) == (16, 32)


def test_the_same_password_has_another_hash_each_time() -> None:
    passwords = Passwords(lambda work: work())

    assert passwords.hash("a long password") != passwords.hash("a long password")


def test_secrets_are_compared_in_constant_time() -> None:
    """A comparison that ends at the first difference tells how much of a guess was right."""
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and _compares_secrets(node):
                found.append(f"{path.relative_to(SOURCES)}:{node.lineno}: {ast.unparse(node)}")

    unexplained = [one for one in found if one.partition(":")[0] not in COMPARED_PLAINLY]
    assert not unexplained, "\n".join(unexplained)


def _compares_secrets(node: ast.Compare) -> bool:
    sides = [node.left, *node.comparators]
    plain = any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops)
    constant = any(isinstance(side, ast.Constant) for side in sides)
    return plain and not constant and any(SECRET.search(_name(side)) for side in sides)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Subscript():
            return ast.unparse(node.slice)
    return ""
