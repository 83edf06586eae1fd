"""The settings in force, with where they came from; no secret among them."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from appliance.config.settings import SECTIONS, Settings
from appliance.web.context import WebContext


@pytest.fixture
def settings(settings: Settings) -> Settings:
    flower = settings.flower.model_copy(update={"password": SecretStr("flower is secret")})
    return settings.model_copy(update={"flower": flower, "web": settings.web.model_copy(update={"port": 8123})})


@pytest.fixture
def web_context(web_context: WebContext) -> WebContext:
    sources = {"web.port": "config.ini, line 3", "flower.password": "environment variable FLOWER_PASSWORD"}
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
    assert "2 settings are not the default." in page


def test_a_secret_is_said_to_be_set_and_nothing_more(alice: FlaskClient) -> None:
    page = alice.get("/settings").text

    assert "environment variable FLOWER_PASSWORD" in page
    assert "flower is secret" not in page
