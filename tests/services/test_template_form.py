from typing import Any

import pytest

from appliance.config.settings import LimitsSettings
from appliance.errors import InvalidInput
from appliance.mail.templating import Source
from appliance.services.template_form import canonical_locale, check, check_slug
from appliance.services.template_variables import Variable
from tests.services.templates import template_form


def wrong(**overrides: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        check(template_form(**overrides), "", LimitsSettings(template_kb=4))
    return {error.field: error.message for error in raised.value.errors}


def test_ordinary_template_is_right() -> None:
    check(template_form(), "because", LimitsSettings())
    check(template_form(html=None, text="{{ name }} {{ number }}"), "", LimitsSettings())
    check(template_form(locales={"zh-CN": Source("发票 {{ number }}", text="你好")}), "", LimitsSettings())


@pytest.mark.parametrize(
    ("overrides", "field", "words"),
    [
        ({"name": " "}, "name", "Give a name"),
        ({"subject": " "}, "subject", "Give a subject"),
        ({"subject": "a\nb"}, "subject", "one line"),
        ({"html": None}, "html", "'html', 'text' or both"),
        ({"html": "{{ nam }}"}, "html", "the variable 'nam', which is not declared"),
        ({"html": "a\n{% if %}"}, "html", "Line 2: "),
        ({"html": "{% include 'a' %}"}, "html", "there is no include"),
        ({"text": "\0"}, "text", "no text"),
        ({"text": "\ud800"}, "text", "no text"),
        ({"html": "x" * 5000}, "html", "template_kb"),
        ({"locales": {"zh": Source("x", text="{{ y }}")}}, "locales.zh.text", "'y', which is not declared"),
        ({"locales": {"zh": Source("x")}}, "locales.zh.html", "or both"),
        ({"locales": {"zh_cn": Source("x", text="x")}}, "locales.zh_cn", "Write it zh-CN"),
        ({"locales": {"chinese": Source("x", text="x")}}, "locales.chinese", "such as zh"),
        ({"locales": {"zh": Source("x", text="x" * 4096)}}, "html", "template_kb"),
        ({"variables": (Variable("name"), Variable("number", "digits"))}, "variables[1].type", "Choose one of"),
    ],
)
def test_field_that_is_wrong_is_named(overrides: dict[str, Any], field: str, words: str) -> None:
    errors = wrong(**overrides)

    assert list(errors) == [field]
    assert words in errors[field]


def test_every_wrong_field_is_named_at_once() -> None:
    assert set(wrong(name="", subject="{{", html="{% for %}", variables=(Variable("1"),))) == {
        "name",
        "variables[0].name",
        "subject",
        "html",
    }


@pytest.mark.parametrize("slug", ["a", "order-42", "2-a"])
def test_slug_of_lower_case_and_dashes_is_right(slug: str) -> None:
    check_slug(slug)


@pytest.mark.parametrize("slug", ["", "A", "a_b", "-a", "a-", "a--b", "ä", "a/b", "a b", "a\n", "x" * 101])
def test_slug_of_anything_else_is_wrong(slug: str) -> None:
    with pytest.raises(InvalidInput):
        check_slug(slug)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("zh", "zh"), ("ZH_cn", "zh-CN"), ("zh-hans-cn", "zh-Hans-CN"), ("es-419", "es-419"), (" de ", "de")],
)
def test_language_is_written_in_one_way(text: str, canonical: str) -> None:
    assert canonical_locale(text) == canonical


@pytest.mark.parametrize("text", ["", "z", "english", "zh-", "zh-CN-x", "../zh", "zh\n-CN"])
def test_what_is_no_language_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give a language"):
        canonical_locale(text)
