"""The preview of what is being written: as far as it goes, with what is wrong named."""

import pytest

from appliance.config.settings import LimitsSettings
from appliance.mail.templating import Source
from appliance.services.template_preview import TemplatePreview
from appliance.services.template_variables import Variable
from tests.services.templates import template_form


@pytest.fixture
def preview() -> TemplatePreview:
    return TemplatePreview(LimitsSettings(), run_native=lambda work: work())


def test_the_examples_are_shown(preview: TemplatePreview) -> None:
    draft = preview.of(template_form())

    assert draft.rendered is not None
    assert (draft.rendered.subject, draft.rendered.html) == ("Invoice 1041", "<p>Hello Ann, invoice 1041.</p>")
    assert (draft.faults, draft.undefined, draft.unused) == ((), (), ())


def test_what_is_not_declared_stands_there_by_its_name(preview: TemplatePreview) -> None:
    draft = preview.of(template_form(variables=(), html="<p>{{ name }}</p>"))

    assert draft.rendered is not None
    assert draft.rendered.html == "<p>⟨name⟩</p>"
    assert draft.undefined == ("name", "number")
    assert draft.faults == ()


def test_a_part_that_cannot_be_read_is_named_and_the_names_of_the_others_are_known(preview: TemplatePreview) -> None:
    draft = preview.of(template_form(html="{% for %}", text="{{ other }}"))

    assert draft.rendered is None
    assert [one.field for one in draft.faults] == ["html"]
    assert (draft.undefined, draft.unused) == (("other",), ("name",))


def test_what_cannot_be_rendered_with_the_examples_says_where(preview: TemplatePreview) -> None:
    draft = preview.of(template_form(html="<p>{{ number / 0 }}</p>"))

    assert draft.rendered is None
    [fault] = draft.faults
    assert fault.field == "html"
    assert "divided by zero" in fault.message


def test_an_example_of_another_type_is_a_fault_and_not_shown(preview: TemplatePreview) -> None:
    variables = (Variable("name", example="Ann"), Variable("number", "integer", example="many"))

    draft = preview.of(template_form(variables=variables))

    assert [one.field for one in draft.faults] == ["variables[1].example"]
    assert draft.rendered is not None
    assert draft.rendered.subject == "Invoice 1"


def test_a_language_is_shown_by_its_own_source(preview: TemplatePreview) -> None:
    form = template_form(locales={"de": Source("Rechnung {{ number }}", text="{{ extra }}")})

    draft = preview.of(form, "de")

    assert draft.rendered is not None
    assert draft.rendered.subject == "Rechnung 1041"
    assert draft.undefined == ("extra",)


def test_too_large_a_template_is_not_compiled(preview: TemplatePreview) -> None:
    draft = preview.of(template_form(html="x" * 300_000))

    assert draft.rendered is None
    assert [one.code for one in draft.faults] == ["too_large"]
