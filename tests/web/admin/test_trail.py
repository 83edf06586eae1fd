"""The way back through a long list."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from flask import Flask

from appliance.web.admin.trail import MOST, Trail

At = Callable[[str], Trail]


@pytest.fixture
def at(app: Flask) -> At:
    def read(query: str) -> Trail:
        with app.test_request_context(f"/messages?{query}"):
            return Trail.of_request()

    return read


def test_back_leads_to_the_page_that_one_came_from(at: At) -> None:
    first = at("")
    second = at(urlencode(first.on("msg_2")))
    third = at(urlencode(second.on("msg_3")))

    assert (second.before, third.before) == ("msg_2", "msg_3")
    assert third.back() == second.arguments()
    assert second.back() == {}


def test_a_long_way_forgets_its_beginning_and_stays_an_address(at: At) -> None:
    trail = at("")
    for number in range(MOST + 10):
        trail = at(urlencode(trail.on(f"msg_{number}")))

    assert len(trail.earlier) == MOST
    assert trail.back()["before"] == f"msg_{MOST + 8}"


def test_what_is_no_way_is_none(at: At) -> None:
    trail = at("before=%3Cb%3E&trail=..msg_1.%3Cscript%3E")

    assert trail == Trail(None, ("msg_1",))
