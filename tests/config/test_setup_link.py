from datetime import timedelta
from pathlib import Path

from appliance.config import setup_link
from tests.fakes import NOON

SOON = NOON + timedelta(minutes=30)


def test_the_token_opens_until_it_expires_and_is_not_on_disk(tmp_path: Path) -> None:
    setup_link.leave(tmp_path, "the token", SOON)

    [path] = tmp_path.iterdir()
    assert "the token" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert setup_link.opens(tmp_path, "the token", NOON)
    assert not setup_link.opens(tmp_path, "another", NOON)
    assert not setup_link.opens(tmp_path, "the token", SOON)


def test_a_later_one_takes_its_place_and_it_can_be_forgotten(tmp_path: Path) -> None:
    setup_link.leave(tmp_path, "first", SOON)
    setup_link.leave(tmp_path, "second", SOON)
    assert [setup_link.opens(tmp_path, one, NOON) for one in ("first", "second")] == [False, True]

    setup_link.forget(tmp_path)
    setup_link.forget(tmp_path)

    assert not setup_link.opens(tmp_path, "second", NOON)


def test_a_spoilt_file_opens_nothing(tmp_path: Path) -> None:
    for text in ("", "null", "[]", '{"hash": 1}', '{"hash": "x", "expires_at": 5}'):
        (tmp_path / "setup_link").write_text(text)
        assert not setup_link.opens(tmp_path, "", NOON)
