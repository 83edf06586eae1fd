"""Nothing that a request can have wrong is told in the words of a library."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from pydantic import BaseModel, ValidationError

from appliance.web.api import field_words
from appliance.web.api.batch_schemas import RecipientOfBatch
from appliance.web.api.box_documents import PauseRequest, ResumeRequest
from appliance.web.api.field_errors import field_errors
from appliance.web.api.schemas import Query
from tests.web.api.problems import problem_of, wrong_fields
from tests.web.conftest import ApiClient

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1,
        1.5,
        1e300,
        10**12,
        10**30,
        -(10**30),
        "",
        "x",
        "\0",
        "\ud800",
        "7",
        "1" * 5000,
        "x" * 3000,
    ),
    *([], [None], [1], [""], ["x"], [[]], [{}], ["x"] * 2000, ["x" * 3000], [{"name": 1}], [{"id": 1}]),
    *({}, {"x": None}, {"x": 1}, {"x": []}, {"x": {}}, {1: 1}, {"\ud800": "x"}, {"x" * 3000: "x"}),
)

IN_A_QUERY: tuple[Any, ...] = tuple(
    value
    for value in VALUES
    if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(one, str) for one in value))
)


def shapes(app: Flask) -> set[type[BaseModel]]:
    """Of everything that operations take, and of what is validated apart from them."""
    found = {RecipientOfBatch, PauseRequest, ResumeRequest}
    for view in app.view_functions.values():
        notes = getattr(view, "__annotations__", {})
        found |= {notes[name] for name in ("body", "query", "path", "form") if name in notes}
    return {one for one in found if isinstance(one, type) and issubclass(one, BaseModel)}


def refusals(shape: type[BaseModel]) -> Iterator[ValidationError]:
    names = [field.alias or name for name, field in shape.model_fields.items()]
    values = IN_A_QUERY if issubclass(shape, Query) else VALUES
    for body in (*({name: value} for name in names for value in values), {"unheard_of": "1"}):
        try:
            shape.model_validate(body)
        except ValidationError as error:
            yield error


def test_every_refusal_is_in_words_of_ours(assembled: Flask) -> None:
    checked = 0
    for shape in shapes(assembled):
        for error in refusals(shape):
            told = field_errors(error)
            checked += len(told)
            assert told
            assert not [one for one in told if field_words.OTHERWISE in one.message], error
            assert not [one for one in told if "Input should" in one.message or "valid" in one.message.split()], error

    assert checked > 5000


def test_kind_that_nobody_has_foreseen_is_told_without_its_name() -> None:
    assert field_words.of("decimal_whole_digits", {}) == field_words.OTHERWISE


@pytest.mark.parametrize(
    ("path", "body", "field", "words"),
    [
        ("/api/v1/messages", {"to": "ann@example.com"}, "to", "Give a list, in brackets: [...]."),
        ("/api/v1/messages", {"metadata": []}, "metadata", 'Give an object: {"name": ...}.'),
        ("/api/v1/messages", {"subject": 1}, "subject", "Give a text, in quotes."),
        ("/api/v1/messages", {"priority": "urgent"}, "priority", "Choose one of these: 'high', 'normal' or 'low'."),
        ("/api/v1/messages", {"template": "x" * 101}, "template", "It may have 100 characters."),
        ("/api/v1/messages", {"attachments": [1]}, "attachments[0]", 'Give an object: {"name": ...}.'),
        ("/api/v1/messages?dry_run=perhaps", {}, "dry_run", "Give true or false."),
        ("/api/v1/messages/bulk", {"action": "retry", "ids": []}, "ids", "Give at least one entry."),
        ("/api/v1/messages/bulk", {"action": "burn"}, "action", "Choose one of these: 'cancel', 'retry', 'release'"),
        ("/api/v1/keys", {"requests_per_minute": "7"}, "requests_per_minute", "Give a whole number, without quotes."),
        ("/api/v1/keys", {"requests_per_minute": 0}, "requests_per_minute", "The smallest number here is 1."),
    ],
)
def test_remedy_is_named(api: ApiClient, path: str, body: dict[str, Any], field: str, words: str) -> None:
    errors = problem_of(api.post(path, body), 422, "invalid_fields")["errors"]

    assert next(one["message"] for one in errors if one["field"] == field).startswith(words)


def test_limit_of_a_page_is_a_number_in_bounds(api: ApiClient) -> None:
    assert wrong_fields(api.get("/api/v1/messages?limit=many")) == {"limit": "invalid"}
    largest = problem_of(api.get("/api/v1/messages?limit=201"), 422, "invalid_fields")["errors"]
    assert largest[0]["message"] == "The largest number here is 200."
