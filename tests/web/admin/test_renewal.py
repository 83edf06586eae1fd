"""A new session token is given once more to who sends the same form twice: for a minute, and to nobody else."""

from datetime import timedelta

import pytest
from flask import Flask

from appliance.clock import utc_now
from appliance.web.admin import renewal
from appliance.web.context import WebContext

FORM = {"once": "of this form"}


@pytest.fixture
def noted(app: Flask) -> Flask:
    with app.test_request_context(method="POST", data=FORM):
        renewal.note("old", "new", ("shown",))
    return app


def test_the_old_token_with_the_same_form_gives_the_new_one(noted: Flask) -> None:
    with noted.test_request_context(method="POST", data=FORM):
        found = renewal.of_this_form("old")

    assert found is not None
    assert (found.token, found.shown) == ("new", ("shown",))


@pytest.mark.parametrize(
    ("form", "token"), [({}, "old"), ({"once": ""}, "old"), ({"once": "of another"}, "old"), (FORM, "new"), (FORM, "")]
)
def test_anything_else_gives_nothing(noted: Flask, form: dict[str, str], token: str) -> None:
    with noted.test_request_context(method="POST", data=form):
        assert renewal.of_this_form(token) is None


def test_a_form_without_a_token_of_its_own_is_not_known_again(app: Flask) -> None:
    with app.test_request_context(method="POST", data={}):
        renewal.note("old", "new", ())

        assert renewal.of_this_form("old") is None


def test_after_a_minute_it_is_over(noted: Flask, web_context: WebContext) -> None:
    object.__setattr__(web_context, "clock", lambda: utc_now() + timedelta(minutes=1))

    with noted.test_request_context(method="POST", data=FORM):
        assert renewal.of_this_form("old") is None


def test_only_the_latest_are_kept(noted: Flask) -> None:
    for number in range(renewal.MOST_KEPT):
        with noted.test_request_context(method="POST", data={"once": str(number)}):
            renewal.note("old", "new", ())

    with noted.test_request_context(method="POST", data=FORM):
        assert renewal.of_this_form("old") is None
