"""A form that makes something is taken once."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.errors import StorageUnavailable
from appliance.web.admin import once
from tests.web.conftest import submit


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
