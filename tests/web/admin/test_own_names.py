"""What the program itself named is said in the language of the page; what people wrote is not."""

import pytest
from flask import Flask

from appliance.config.browser_settings import SOURCE
from appliance.web.admin.own_names import NAMES, origin, own_name

CHINESE = {"Accept-Language": "zh-CN"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Built-in mailbox", "内置邮箱"),
        ("the command line of this box", "本机的命令行"),
        ("Newsletter", "Newsletter"),
        ("", ""),
        (None, ""),
    ],
)
def test_only_what_the_program_named_is_translated(app: Flask, name: str | None, said: str) -> None:
    with app.test_request_context(headers=CHINESE):
        assert own_name(name) == said
    with app.test_request_context():
        assert own_name(name) == (name or "")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("environment variable WEB_PORT", "环境变量 WEB_PORT"),
        ("file of WEB_SECRET_FILE", "WEB_SECRET_FILE 指定的文件"),
        ("config.ini, line 3", "config.ini，第 3 行"),
        (SOURCE, "数据目录中的 settings.ini，在浏览器中设置"),
        ("config.ini", "config.ini"),
    ],
)
def test_where_a_setting_comes_from_is_translated(app: Flask, source: str, said: str) -> None:
    with app.test_request_context(headers=CHINESE):
        assert origin(source) == said
    with app.test_request_context():
        assert origin(source) == source


def test_actors_that_are_no_user_have_names_that_are_translated() -> None:
    assert {"somebody who is not signed in", "the setup link"} <= NAMES.keys()
