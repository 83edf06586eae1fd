"""A form that makes something is taken once."""

from collections.abc import Callable

import gevent
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.errors import StorageUnavailable
from appliance.web.admin import once
from tests.waiting import wait_until
from tests.web.conftest import filled_in, submit


def test_only_the_first_press_makes_something(app: Flask) -> None:
    with app.test_request_context(method="POST", data={"once": "a token"}):
        assert [once.is_first() for _ in range(3)] == [True, False, False]


def test_forms_do_not_stand_in_for_each_other(app: Flask) -> None:
    for _ in range(2):
        with app.test_request_context(method="POST", data={"once": once.token()}):
            assert once.is_first()


def test_a_form_without_a_token_is_taken_each_time(app: Flask) -> None:
    for _ in range(2):
        with app.test_request_context(method="POST"):
            assert once.is_first()


def test_the_oldest_tokens_are_forgotten(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "MOST_KEPT", 2)

    def first(token: str) -> bool:
        with app.test_request_context(method="POST", data={"once": token}):
            return once.is_first()

    assert [first(one) for one in "abcca"] == [True, True, True, False, True]


def test_a_form_of_which_nothing_was_made_can_be_sent_again(
    alice: FlaskClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = {"name": "shop", "scopes": ["send"], "once": "a token"}

    def refuse(_fn: object) -> object:
        raise StorageUnavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(core.database, "write", refuse)
        refused = submit(alice, "/keys", pressed, form_at="/keys")
    again = [submit(alice, "/keys", pressed, form_at="/keys").status_code for _ in range(2)]

    assert (refused.status_code, again) == (503, [201, 409])


def pressed_twice(app: Flask, how_the_first_ends: Callable[[], object]) -> list[tuple[str, object]]:
    """What happens, in order, when a form is sent again while the first press of it is still at work."""
    told: list[tuple[str, object]] = []
    came: list[str] = []

    def press(name: str, goes_on: Callable[[], object]) -> None:
        with app.test_request_context(method="POST", data={"once": "a token"}):
            came.append(name)
            told.append((name, once.is_first()))
            goes_on()

    def end() -> None:
        wait_until(lambda: "second" in came)
        told.append(("first", "ends"))
        how_the_first_ends()

    presses = [gevent.spawn(press, "first", end), gevent.spawn(press, "second", lambda: None)]
    gevent.joinall(presses, timeout=10)
    return told


def test_a_second_press_waits_for_the_first_and_makes_nothing_when_that_has(app: Flask) -> None:
    told = pressed_twice(app, lambda: app.process_response(Response()))

    assert told == [("first", True), ("first", "ends"), ("second", False)]


def test_a_second_press_makes_it_when_the_first_has_made_nothing(app: Flask) -> None:
    told = pressed_twice(app, lambda: app.process_response(Response(status=503)))

    assert told == [("first", True), ("first", "ends"), ("second", True)]


def test_a_second_press_makes_it_when_the_first_has_broken_off(app: Flask) -> None:
    def break_off() -> None:
        raise RuntimeError("no answer at all")

    assert pressed_twice(app, break_off) == [("first", True), ("first", "ends"), ("second", True)]


def test_a_press_during_one_that_fails_is_not_told_that_it_was_made(
    app: Flask, alice: FlaskClient, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = filled_in(alice, "/keys", {"name": "shop", "scopes": "send"})
    twin = app.test_client()
    with alice.session_transaction() as session, twin.session_transaction() as of_twin:
        of_twin.update(session)
    write, is_first = core.database.write, once.is_first
    asked: list[str] = []

    def refuse_the_first(fn: Callable[[Session], object]) -> object:
        if len(asked) != 1:
            return write(fn)
        wait_until(lambda: len(asked) == 2)  # the second has come
        raise StorageUnavailable("the disk is full")

    def noted() -> bool:
        asked.append("whether it is the first")
        return is_first()

    monkeypatch.setattr(once, "is_first", noted)
    monkeypatch.setattr(core.database, "write", refuse_the_first)
    presses = [gevent.spawn(browser.post, "/keys", data=form) for browser in (alice, twin)]
    gevent.joinall(presses, timeout=20, raise_error=True)

    assert [one.value.status_code for one in presses] == [503, 201]
