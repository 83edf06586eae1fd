from datetime import timedelta

import pytest

from appliance.services import admission
from appliance.services.admission import FURTHEST
from tests.factories import submit_message
from tests.fakes import NOON

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, []),
        ({"send_at": NOON - FURTHEST}, []),
        ({"send_at": NOON + FURTHEST}, []),
        ({"send_at": NOON + FURTHEST + SECOND}, ["send_at"]),
        ({"expires_at": NOON}, ["expires_at"]),
        ({"expires_at": NOON + SECOND}, []),
        ({"expires_at": NOON + SECOND, "send_at": NOON + SECOND}, ["expires_at"]),
        ({"expires_at": NOON + 2 * SECOND, "send_at": NOON + SECOND}, []),
        ({"account": "acc_1"}, []),
        (
            {"account": "acc_2", "send_at": NOON + FURTHEST * 2, "expires_at": NOON},
            ["account", "send_at", "expires_at"],
        ),
    ],
)
def test_everything_that_is_wrong_by_now_is_named(fields: dict[str, object], wrong: list[str]) -> None:
    errors = admission.errors(submit_message(**fields), {"acc_1"}, NOON)

    assert [error.field for error in errors] == wrong
