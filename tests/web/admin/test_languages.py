"""The language of a page: what was chosen, else what the browser asks for."""

import re
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.services.sender_accounts import AccountForm
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


def in_chinese(browser: FlaskClient) -> FlaskClient:
    submit(browser, "/language", {"language": "zh", "next": "/suppressions"}, form_at="/suppressions")
    return browser


def test_what_is_wrong_in_a_form_is_said_in_the_language_of_the_page(alice: FlaskClient) -> None:
    fields = {"address": "ann@example.com", "reason": "x" * 501, "days": ""}
    answer = submit(in_chinese(alice), "/suppressions", fields, form_at="/suppressions")
    assert "填写一行文本，最多 500 个字符。" in answer.text


def test_so_is_what_is_wrong_in_a_change(alice: FlaskClient, core: Core) -> None:
    account = core.services.sender_accounts.create(AccountForm("Relay", "a@example.com", host="smtp.example.com"))
    page = f"/accounts/{account}/edit"
    fields = {"name": "Relay", "email": "nobody", "transport": "smtp", "host": "smtp.example.com", "security": "tls"}
    answer = submit(in_chinese(alice), page, fields | {"priority": "0"}, form_at=page)
    assert "不是邮件地址" in answer.text


def test_so_is_what_a_native_thread_found_wrong(alice: FlaskClient) -> None:
    fields = {"file": (BytesIO(b"address\nnobody\n"), "list.csv")}
    answer = submit(in_chinese(alice), "/suppressions/import", fields, form_at="/suppressions")
    assert "既不是邮件地址也不是域名" in answer.text


def test_a_template_is_judged_in_the_language_of_the_page(alice: FlaskClient) -> None:
    fields = {"slug": "Not A Slug", "name": "Invoice", "subject": "Hello", "text": "Hello {{ ann }}"}
    answer = submit(in_chinese(alice), "/templates/new", fields, form_at="/templates/new")
    assert "使用小写字母和数字" in answer.text
    assert "使用了未声明的变量" in answer.text


def test_a_span_is_told_in_the_units_of_the_language(alice: FlaskClient) -> None:
    assert re.search(r"已运行 \d+ (?:秒|分钟)", in_chinese(alice).get("/").text)


def test_the_api_stays_english(client: FlaskClient) -> None:
    answer = client.get("/api/v1/messages", headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 401
    assert answer.json is not None
    assert "API key" in answer.json["detail"]
