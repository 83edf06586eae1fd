"""The settings in force, with where they came from; no secret among them."""

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from appliance.bootstrap import Core
from appliance.config.browser_settings import SOURCE
from appliance.config.settings import SECTIONS, Settings
from appliance.web.context import WebContext
from tests.web.conftest import MakePerson

CHINESE = {"Accept-Language": "zh-CN"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    flower = settings.flower.model_copy(update={"password": SecretStr("flower is secret")})
    return settings.model_copy(update={"flower": flower, "web": settings.web.model_copy(update={"port": 8123})})


@pytest.fixture
def web_context(web_context: WebContext) -> WebContext:
    sources = {
        "web.port": "config.ini, line 3",
        "flower.password": "environment variable FLOWER_PASSWORD",
        "appliance.public_url": SOURCE,  # left empty there, as it is by default
    }
    return replace(web_context, sources=sources)


def test_every_setting_is_there(alice: FlaskClient) -> None:
    page = alice.get("/settings").text

    for section, fields in SECTIONS.items():
        assert f"[{section}]" in page
        for key in fields.model_fields:
            assert f"<code>{key}</code>" in page


def test_what_is_set_says_where(alice: FlaskClient) -> None:
    page = alice.get("/settings").text

    assert "8123</code>" in page
    assert "config.ini, line 3" in page
    assert "Default: 8080" in page
    assert "3 settings are not the default" in page


def test_what_is_not_the_default_stands_first_and_open(alice: FlaskClient) -> None:
    own, _, closed = alice.get("/settings").text.partition("<details")

    listed = re.findall(r"<code>\[(\w+)\]</code> <code>(\w+)</code>", own)
    assert listed == [("appliance", "data_dir"), ("web", "port"), ("flower", "password")]
    assert "public_url" not in own
    assert "settings.ini in the data directory" in closed


def test_a_time_zone_that_waits_for_a_restart_says_so_and_what_to_do(alice: FlaskClient, core: Core) -> None:
    core.services.place.choose("Asia/Shanghai", "")

    for path in ("/settings", "/welcome/place"):
        page = alice.get(path).text
        assert "In force: UTC; after the next restart: Asia/Shanghai." in page
        assert "systemctl restart postroom" in page
        assert "daily limits start again" in page
    assert "In force: UTC; after the next restart: Asia/Shanghai." in alice.get("/").text
    assert "4 settings are not the default" in alice.get("/settings").text


def test_a_public_address_that_was_chosen_is_in_force(alice: FlaskClient, core: Core) -> None:
    core.services.place.choose("UTC", "https://mail.example.com")

    page = alice.get("/settings").text

    assert "https://mail.example.com</code>" in page
    assert "next restart:" not in page


def test_only_who_may_change_them_is_led_to_where_that_is(alice: FlaskClient, make_person: MakePerson) -> None:
    assert "/welcome/place" in alice.get("/settings").text
    assert "/welcome/place" not in make_person("carol", "viewer").get("/settings").text


def test_a_secret_is_said_to_be_set_and_nothing_more(alice: FlaskClient) -> None:
    page = alice.get("/settings").text

    assert "environment variable FLOWER_PASSWORD" in page
    assert "flower is secret" not in page


def test_what_each_is_for_is_said_in_the_language_of_the_page(alice: FlaskClient) -> None:
    assert "How many requests are served at once." in alice.get("/settings").text

    page = alice.get("/settings", headers=CHINESE).text
    assert "同时处理的请求数。" in page
    assert "How many requests" not in page
