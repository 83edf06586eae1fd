"""A database that keeps no writes is told of although no alert can be written down."""

import pytest

from appliance.db.database import Database
from appliance.errors import StorageUnavailable, Unavailable
from appliance.services.storage_alarm import StorageAlarm
from tests.fakes import FakeClock, FakeTimer
from tests.services.alerting import Box
from tests.services.test_storage import fill, grow, write_much


class Ear:
    def __init__(self) -> None:
        self.deaf = False
        self.heard: list[str] = []

    def tell(self, title: str, _text: str) -> None:
        if self.deaf:
            raise Unavailable("Nobody is there.")
        self.heard.append(title.partition(":")[0])


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def timer() -> FakeTimer:
    return FakeTimer()


@pytest.fixture
def alarm(ear: Ear, timer: FakeTimer) -> StorageAlarm:
    return StorageAlarm(ear.tell, lambda work: work(), raise_seconds=120, remind_seconds=3600, timer=timer)


def heed(alarm: StorageAlarm, timer: FakeTimer, trouble: str, seconds: float) -> None:
    for _ in range(int(seconds // 15)):
        timer.seconds += 15
        alarm.heed(trouble)


def test_it_is_told_when_it_has_lasted_and_when_it_is_over(alarm: StorageAlarm, timer: FakeTimer, ear: Ear) -> None:
    heed(alarm, timer, "The disk is full.", 120)
    assert ear.heard == []
    heed(alarm, timer, "The disk is full.", 300)
    assert ear.heard == ["Alert"]

    heed(alarm, timer, "", 300)

    assert ear.heard == ["Alert", "Over"]


def test_what_is_over_in_time_is_not_told(alarm: StorageAlarm, timer: FakeTimer, ear: Ear) -> None:
    for _ in range(10):
        heed(alarm, timer, "The disk is full.", 90)
        heed(alarm, timer, "", 15)

    assert ear.heard == []


def test_it_is_told_again_after_a_while(alarm: StorageAlarm, timer: FakeTimer, ear: Ear) -> None:
    heed(alarm, timer, "The disk is full.", 2.5 * 3600)

    assert ear.heard == ["Alert"] * 3


def test_when_nobody_hears_it_is_tried_again(alarm: StorageAlarm, timer: FakeTimer, ear: Ear) -> None:
    ear.deaf = True
    heed(alarm, timer, "The disk is full.", 300)
    ear.deaf = False
    heed(alarm, timer, "The disk is full.", 30)

    assert ear.heard == ["Alert"]


def test_a_full_disk_reaches_the_urls(database: Database, clock: FakeClock) -> None:
    box = Box(database, clock)
    for _ in range(10):
        fill(database)
        with pytest.raises(StorageUnavailable):
            write_much(database)
        box.after(15)
    assert box.titles == ["[Postroom box] Alert: Nothing can be stored"]

    grow(database)
    write_much(database)
    box.after(15)
    assert box.titles[1:] == ["[Postroom box] Over: Nothing can be stored"]
