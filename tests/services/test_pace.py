import time

import pytest

from appliance.services import pace
from appliance.services.pace import Pace


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


def test_no_pause_while_little_was_done(pauses: list[float]) -> None:
    Pace().step()

    assert pauses == []


def test_pause_lets_an_event_loop_look_at_its_sockets(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SLICE_SECONDS", 0.0)

    Pace().step()

    assert pauses == [pace.PAUSE_SECONDS]
    assert pace.PAUSE_SECONDS > 0
