import base64

import pytest

from appliance.db.types import new_id
from appliance.errors import InvalidInput
from appliance.web.api import paging
from tests.web.api.letters import MESSAGES
from tests.web.api.problems import wrong_fields
from tests.web.conftest import ApiClient


def cursor_of(last_id: str) -> str:
    return str(paging.page([], last_id)["next_cursor"])


@pytest.mark.parametrize("last_id", [new_id("msg"), "acc_mailbox"])
def test_cursor_leads_back_to_its_id(last_id: str) -> None:
    assert paging.decode(cursor_of(last_id)) == last_id


def test_last_page_has_no_cursor() -> None:
    assert paging.page([1], None) == {"items": [1], "next_cursor": None}


@pytest.mark.parametrize("cursor", [None, ""])
def test_no_cursor_is_the_first_page(cursor: str | None) -> None:
    assert paging.decode(cursor) is None


def test_cursor_that_was_changed_anywhere_is_refused() -> None:
    cursor = cursor_of(new_id("msg"))

    for place in range(len(cursor)):
        changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(InvalidInput):
            paging.decode(changed)


@pytest.mark.parametrize("cursor", ["x", "%00", "....", "Ω", "msg_1", base64.b64encode(b"msg_1").decode(), "A" * 201])
def test_made_up_cursor_is_refused(api: ApiClient, cursor: str) -> None:
    assert wrong_fields(api.get(f"{MESSAGES}?cursor={cursor}")) == {"cursor": "invalid"}
