from typing import Any

import pytest

from appliance.config.settings import LimitsSettings
from appliance.db.database import Database
from appliance.errors import InvalidInput, NotFound
from appliance.mail.templating import Source
from appliance.services.attachments import StoredFile
from appliance.services.submit_message import SubmitMessage, TemplateReference
from appliance.services.template_rendering import MOST_CACHED, TemplateRendering
from appliance.services.template_variables import Variable
from appliance.services.templates import Templates
from tests.factories import submit_message
from tests.fakes import FakeClock
from tests.services.templates import template_form

LIMITS = LimitsSettings(rendered_kb=10, template_variables_kb=5, message_mb=1)


@pytest.fixture
def templates(database: Database, clock: FakeClock) -> Templates:
    return Templates(database, LIMITS, run_native=lambda fn: fn(), clock=clock)


@pytest.fixture
def compilations() -> list[int]:
    return []


@pytest.fixture
def rendering(database: Database, compilations: list[int]) -> TemplateRendering:
    def run(fn: Any) -> Any:
        compilations.append(1)
        return fn()

    return TemplateRendering(database, LIMITS, run_native=run)


def command(slug: str = "invoice", locale: str | None = None, **variables: Any) -> SubmitMessage:
    return submit_message(subject="", text=None, template=TemplateReference(slug, variables, locale))


def wrong(rendering: TemplateRendering, wanted: SubmitMessage) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        rendering.fill(wanted)
    return {error.field: error.code for error in raised.value.errors}


def test_message_is_filled_with_what_its_template_makes(templates: Templates, rendering: TemplateRendering) -> None:
    template_id = templates.create("invoice", template_form(), author="alice")

    filled = rendering.fill(command(number=7, name="<Ann>"))

    assert (filled.subject, filled.html) == ("Invoice 7", "<p>Hello &lt;Ann&gt;, invoice 7.</p>")
    assert filled.text == "Hello <Ann>, invoice 7.\n"
    assert filled.used is not None
    assert (filled.used.id, filled.used.version, filled.used.locale) == (template_id, 1, None)


def test_message_without_a_template_stays_as_it_is(rendering: TemplateRendering) -> None:
    message = submit_message()

    assert rendering.fill(message) is message


def test_change_is_used_from_then_on(templates: Templates, rendering: TemplateRendering) -> None:
    templates.create("invoice", template_form(), author="alice")
    rendering.fill(command(number=7))
    templates.change("invoice", template_form(subject="Bill {{ number }}"), author="alice")

    filled = rendering.fill(command(number=7))

    assert filled.used is not None
    assert (filled.subject, filled.used.version) == ("Bill 7", 2)


def test_version_is_compiled_once_for_each_language(
    templates: Templates, rendering: TemplateRendering, compilations: list[int]
) -> None:
    templates.create("invoice", template_form(locales={"de": Source("Rechnung", text="x")}), author="alice")

    for _ in range(3):
        rendering.fill(command(number=7))
        rendering.fill(command(number=8, locale="de"))

    assert len(compilations) == 2


def test_cache_does_not_grow_without_end(templates: Templates, rendering: TemplateRendering) -> None:
    templates.create("invoice", template_form(), author="alice")
    letters = "abcdefghijklmnopqrstuvwxyz"

    for first in letters:
        for second in letters[:10]:
            rendering.fill(command(number=7, locale=f"{first}{second}"))

    assert len(rendering._cache) == MOST_CACHED


@pytest.mark.parametrize(
    ("locale", "subject", "used"),
    [
        ("zh-CN", "zh-CN", "zh-CN"),
        ("zh_cn", "zh-CN", "zh-CN"),
        ("zh-TW", "zh", "zh"),
        ("zh-Hans-CN", "zh", "zh"),
        ("zh", "zh", "zh"),
        ("fr-FR", "default", None),
        (None, "default", None),
        ("", "default", None),
    ],
)
def test_language_falls_back_to_the_nearest(
    templates: Templates, rendering: TemplateRendering, locale: str | None, subject: str, used: str | None
) -> None:
    locales = {"zh-CN": Source("zh-CN", text="x"), "zh": Source("zh", text="x")}
    templates.create("invoice", template_form(subject="default", locales=locales), author="alice")

    filled = rendering.fill(command(number=7, locale=locale))

    assert filled.used is not None
    assert (filled.subject, filled.used.locale) == (subject, used)


def test_what_is_wrong_is_named(templates: Templates, rendering: TemplateRendering) -> None:
    templates.create("invoice", template_form(), author="alice")

    assert wrong(rendering, command("nothing")) == {"template": "not_found"}
    assert wrong(rendering, command(number=7, locale="klingon")) == {"locale": "invalid"}


@pytest.mark.parametrize("locale", ["zh-TW-1996", "ZH-cmn-hant", "zh-x-private"])
def test_tag_of_more_than_a_region_falls_back_too(
    templates: Templates, rendering: TemplateRendering, locale: str
) -> None:
    templates.create("invoice", template_form(locales={"zh": Source("zh", text="x")}), author="alice")

    filled = rendering.fill(command(number=7, locale=locale))

    assert filled.used is not None
    assert (filled.subject, filled.used.locale) == ("zh", "zh")


def test_languages_that_end_at_the_same_source_share_what_was_compiled(
    templates: Templates, rendering: TemplateRendering
) -> None:
    templates.create("invoice", template_form(locales={"zh": Source("zh", text="x")}), author="alice")

    for number in range(5):
        rendering.fill(command(number=7, locale=f"zh-x-{number}"))

    assert len({id(one) for one in rendering._cache.values()}) == 1
    assert wrong(rendering, command()) == {"variables.number": "required"}
    assert wrong(rendering, command(number="7", nmae="Ann")) == {
        "variables.nmae": "unknown_field",
        "variables.number": "invalid",
    }
    assert wrong(rendering, command(number=7, name="x" * 6000)) == {"variables": "too_large"}


@pytest.mark.parametrize(
    ("overrides", "variables"),
    [
        ({"subject": "{{ 1 / number }}"}, {"number": 0}),
        ({"subject": "{{ name }}{{ number }}"}, {"number": 1, "name": "x" * 999}),
        ({"subject": "{{ name }}{{ number }}"}, {"number": 1, "name": "a\x07b"}),
        ({"html": "{% for i in range(number) %}{{ name }}{% endfor %}"}, {"number": 200, "name": "x" * 100}),
    ],
)
def test_rendering_that_fails_names_the_template(
    templates: Templates, rendering: TemplateRendering, overrides: dict[str, Any], variables: dict[str, Any]
) -> None:
    templates.create("invoice", template_form(**overrides), author="alice")

    assert wrong(rendering, command(**variables)) == {"template": "invalid"}


def test_rendered_message_is_within_the_limits_of_messages(templates: Templates, rendering: TemplateRendering) -> None:
    templates.create("invoice", template_form(), author="alice")
    large = submit_message(
        subject="",
        text=None,
        template=TemplateReference("invoice", {"number": 7}),
        attachments=(StoredFile("a", "text/plain", 1024 * 1024, "ab" * 32),),
    )

    assert wrong(rendering, large) == {"attachments": "too_large"}


def test_preview_takes_examples_or_what_is_given(templates: Templates, rendering: TemplateRendering) -> None:
    templates.create("invoice", template_form(), author="alice")

    assert rendering.preview("invoice").rendered.subject == "Invoice 1041"
    shown = rendering.preview("invoice", {"number": 1})
    assert (shown.rendered.html, shown.version) == ("<p>Hello there, invoice 1.</p>", 1)


def test_preview_shows_any_version(templates: Templates, rendering: TemplateRendering) -> None:
    templates.create("invoice", template_form(), author="alice")
    templates.change(
        "invoice", template_form(subject="Bill", variables=(Variable("name"), Variable("number"))), author="a"
    )

    assert rendering.preview("invoice", number=1).rendered.subject == "Invoice 1041"
    assert rendering.preview("invoice").rendered.subject == "Bill"
    with pytest.raises(NotFound):
        rendering.preview("invoice", number=9)
    with pytest.raises(NotFound):
        rendering.preview("nothing")


def test_long_html_is_finished_off_the_event_loop(
    templates: Templates, rendering: TemplateRendering, compilations: list[int]
) -> None:
    templates.create(
        "invoice",
        template_form(html="{% for i in range(number) %}<p>{{ i }}</p>{% endfor %}", text=None),
        author="alice",
    )
    rendering.preview("invoice", {"number": 1, "name": "Ann"})
    compilations.clear()

    rendering.preview("invoice", {"number": 1, "name": "Ann"})
    rendering.preview("invoice", {"number": 900, "name": "Ann"})

    assert compilations == [1]
