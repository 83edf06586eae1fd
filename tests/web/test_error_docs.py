"""What each error code means, in the language of whoever looks it up."""

import pytest
from flask.testing import FlaskClient

from appliance.web.api.error_codes import ERROR_CODES, FIELD_CODES
from tests.web.admin.visible_text import english

CHINESE = {"Accept-Language": "zh-CN"}


@pytest.mark.parametrize("code", ERROR_CODES)
def test_cause_and_remedy_are_told_in_chinese(client: FlaskClient, code: str) -> None:
    page = client.get(f"/docs/errors/{code}", headers=CHINESE).text

    assert ERROR_CODES[code].title not in page
    assert english(page) == set()


def test_so_are_the_titles_of_all_and_the_codes_of_fields(client: FlaskClient) -> None:
    assert "没有有效的 API 密钥" in client.get("/docs/errors/", headers=CHINESE).text
    page = client.get("/docs/errors/invalid_fields", headers=CHINESE).text
    assert all(meaning not in page for meaning in FIELD_CODES.values())
    assert "没有这个字段：可能是拼写错误。" in page


def test_a_program_reads_english_whatever_it_asks_for(client: FlaskClient) -> None:
    answer = client.get("/api/v1/messages", headers=CHINESE)

    assert answer.get_json()["title"] == "No valid API key"
