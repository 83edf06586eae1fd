"""The language of a page: what was chosen, else what the browser asks for."""

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import submit


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("zh", "zh-CN"),
        ("en-GB,zh;q=0.5", "en"),
        ("fr, de;q=0.8", "en"),
        ("", "en"),
        (";;;q=x", "en"),
    ],
)
def test_the_browser_is_asked(client: FlaskClient, alice: FlaskClient, asked: str, tag: str) -> None:
    page = client.get("/sign-in", headers={"Accept-Language": asked})
    assert f'<html lang="{tag}"' in page.text


def test_the_choice_counts_more_and_is_kept(client: FlaskClient, alice: FlaskClient) -> None:
    submit(client, "/language", {"language": "zh", "next": "/sign-in"}, form_at="/sign-in")
    assert '<html lang="zh-CN"' in client.get("/sign-in", headers={"Accept-Language": "en"}).text


def test_a_language_that_there_is_not_changes_nothing(client: FlaskClient, alice: FlaskClient) -> None:
    answer = submit(client, "/language", {"language": "xx", "next": "//evil.example"}, form_at="/sign-in")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"
    assert "postroom_language" not in answer.headers.get("Set-Cookie", "")


def test_the_api_stays_english(client: FlaskClient) -> None:
    answer = client.get("/api/v1/messages", headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 401
    assert answer.json is not None
    assert "API key" in answer.json["detail"]
