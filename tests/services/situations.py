"""Asking a message of a `Chain` what it says of itself."""

from zoneinfo import ZoneInfo

from tests.services.conftest import Chain

BERLIN = ZoneInfo("Europe/Berlin")  # an hour ahead of the clock of these tests, which stands at noon UTC


def says(chain: Chain, message: str, *parts: str) -> None:
    sentence = chain.explanation(message)
    for part in parts:
        assert part in sentence, sentence
    assert sentence.endswith(".")
    assert ".." not in sentence


def state(chain: Chain, message: str) -> tuple[str, str]:
    """Status and reason."""
    found = chain.detail(message).message
    return found.status, found.reason
