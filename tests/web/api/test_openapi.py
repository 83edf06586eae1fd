import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BaseModel

from appliance.services.api_keys import SCOPES
from appliance.web.api import (
    box_documents,
    documents,
    job_documents,
    key_documents,
    retention_documents,
    standing_documents,
    statistics_documents,
    template_documents,
    template_examples,
    webhook_documents,
)
from appliance.web.api.account_schemas import AccountChange, AccountRequest, AccountTestRequest
from appliance.web.api.batch_schemas import BatchRequest
from appliance.web.api.documents import Problem
from appliance.web.api.error_codes import ERROR_CODES
from appliance.web.api.examples import EXAMPLES
from appliance.web.api.job_schemas import BulkMessagesRequest
from appliance.web.api.key_schemas import KeyChange, KeyRequest
from appliance.web.api.openapi import operations
from appliance.web.api.schemas import MessageRequest, Query
from appliance.web.api.suppression_schemas import SuppressionRequest
from appliance.web.api.template_schemas import PreviewRequest, RollbackRequest, TemplateChange, TemplateRequest
from appliance.web.api.webhook_schemas import ReplayRequest, WebhookChange, WebhookRequest

ALL_EXAMPLES = {
    **EXAMPLES,
    **template_examples.EXAMPLES,
    **statistics_documents.EXAMPLES,
    **key_documents.EXAMPLES,
    **job_documents.EXAMPLES,
    **webhook_documents.EXAMPLES,
    **retention_documents.EXAMPLES,
    **box_documents.EXAMPLES,
}
_SHAPES = {
    name: shape
    for module in (
        documents,
        template_documents,
        statistics_documents,
        key_documents,
        job_documents,
        webhook_documents,
        retention_documents,
        box_documents,
        standing_documents,
    )
    for name, shape in vars(module).items()
}
OPERATIONS = {
    *("show_box", "pause_box", "resume_box", "list_backups", "make_backup"),
    *("list_templates", "create_template", "show_template", "change_template", "delete_template"),
    *("list_template_versions", "show_template_version", "compare_template_versions"),
    *("roll_back_template", "preview_template"),
    *("submit_message", "submit_batch", "change_messages", "delete_message"),
    *("show_retention", "run_retention"),
    *("list_jobs", "show_job", "cancel_job", "list_audit"),
    *("list_keys", "create_key", "show_own_key", "show_key", "change_key", "revoke_key"),
    *("show_statistics", "summarize_statistics"),
    *("list_webhooks", "create_webhook", "show_webhook", "change_webhook", "delete_webhook"),
    *("test_webhook", "pause_webhook", "resume_webhook", "rotate_webhook_secret"),
    *("list_webhook_deliveries", "replay_webhooks", "show_webhook_delivery", "replay_webhook_delivery"),
    *("list_messages", "show_message", "show_raw_message", "cancel_message", "retry_message"),
    *("upload_attachment", "show_attachment", "delete_attachment"),
    *("list_accounts", "create_account", "show_account", "change_account", "delete_account"),
    *("list_suppressions", "create_suppression", "show_suppression", "delete_suppression"),
    *("import_suppressions", "export_suppressions"),
    *("test_account", "pause_account", "resume_account", "show_system", "inspect_worker"),
}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/openapi.json")  # without a key
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.text)
    return found


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Postroom"
    assert document["components"]["securitySchemes"]["api_key"]["scheme"] == "bearer"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in set(references(document)):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in node, reference
            node = node[part]


def test_names_of_operations_stay(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert sorted(names) == sorted(OPERATIONS)


def test_every_route_of_the_api_is_documented(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.startswith("api.")
    }

    assert {(path, method) for path, method, _ in operations(document)} == routes


def test_parameters_of_a_path_are_declared(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), path


def test_every_operation_says_which_scope_opens_it(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        if operation["operationId"] == "show_own_key":
            assert operation["security"] == [{"api_key": []}]
            assert "any scope" in operation["description"]
            continue
        (scope,) = operation["security"][0]["api_key"]
        assert scope in SCOPES
        assert f"`{scope}`" in operation["description"]


def test_every_answer_has_an_example_and_a_shape(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert any(status.startswith("2") for status in operation["responses"]), path
        for status, answer in operation["responses"].items():
            assert answer["description"], (path, method, status)
            assert "X-Request-ID" in answer["headers"]
            for content in answer.get("content", {}).values():
                assert "schema" in content
                assert "example" in content or content["examples"], (path, method, status)


def test_every_error_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        errors = {status: one for status, one in operation["responses"].items() if status >= "400"}
        assert {"401", "403", "500", "503"} <= set(errors), path
        for status, answer in errors.items():
            content = answer["content"]["application/problem+json"]
            assert content["schema"]["$ref"].endswith("/Problem")
            for code, example in content["examples"].items():
                Problem.model_validate(example["value"])
                assert str(int(ERROR_CODES[code].status)) == status


def test_requests_with_a_body_have_an_example_that_is_valid() -> None:
    accounts = (AccountRequest, AccountChange, AccountTestRequest)
    templates = (TemplateRequest, TemplateChange, RollbackRequest, PreviewRequest)
    webhooks = (WebhookRequest, WebhookChange, ReplayRequest)
    for model in (
        MessageRequest,
        BatchRequest,
        BulkMessagesRequest,
        SuppressionRequest,
        KeyRequest,
        KeyChange,
        *accounts,
        *templates,
        *webhooks,
    ):
        model.model_validate(model.model_json_schema()["example"])


@pytest.mark.parametrize("name", ALL_EXAMPLES)
def test_example_of_an_answer_has_its_shape(name: str) -> None:
    model: type[BaseModel] = _SHAPES[name]

    model.model_validate(ALL_EXAMPLES[name])


def test_password_is_marked_as_never_shown(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert "writeOnly" in str(schemas["AccountRequest"]["properties"]["password"])
    assert "password" not in schemas["Account"]["properties"]


def test_schema_of_a_query_is_made_once() -> None:
    class Numbers(Query):
        number: int = 1

    assert Numbers.model_json_schema() is Numbers.model_json_schema()
    assert Numbers.model_json_schema() is not Query.model_json_schema()


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for _, _, one in operations(document) if one["operationId"] == name)
    return found


def codes_of(operation: dict[str, Any], status: str) -> set[str]:
    return set(operation["responses"][status]["content"]["application/problem+json"]["examples"])


def test_message_can_be_tried_and_repeated(document: dict[str, Any]) -> None:
    parameters = {(one["in"], one["name"]) for one in operation(document, "submit_message")["parameters"]}

    assert parameters == {("query", "dry_run"), ("header", "Idempotency-Key")}


@pytest.mark.parametrize("name", ["submit_message", "submit_batch", "change_messages"])
def test_what_can_be_repeated_says_how_that_is_answered(document: dict[str, Any], name: str) -> None:
    found = operation(document, name)

    assert ("header", "Idempotency-Key") in {(one["in"], one["name"]) for one in found["parameters"]}
    assert "Idempotent-Replay" in found["responses"]["202"]["headers"]
    assert codes_of(found, "409") == {"idempotency_key_reused"}


def test_nothing_else_takes_a_key(document: dict[str, Any]) -> None:
    takers = {one["operationId"] for _, _, one in operations(document) if "'Idempotency-Key'" in str(one)}

    assert takers == {"submit_message", "submit_batch", "change_messages"}


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("show_raw_message", {"wrong_state", "content_removed"}),
        ("retry_message", {"wrong_state", "content_removed"}),
        ("cancel_message", {"wrong_state"}),
        ("create_template", {"conflict"}),
        ("roll_back_template", {"wrong_state", "conflict"}),
        ("create_webhook", {"wrong_state"}),
    ],
)
def test_conflicts_are_those_that_there_are(document: dict[str, Any], name: str, codes: set[str]) -> None:
    assert codes_of(operation(document, name), "409") == codes


def test_question_that_takes_too_long_is_documented(document: dict[str, Any]) -> None:
    assert "query_too_slow" in codes_of(operation(document, "list_messages"), "503")


def test_answers_to_wait_after_say_how_long(document: dict[str, Any]) -> None:
    for path, method, found in operations(document):
        for status, answer in found["responses"].items():
            assert ("Retry-After" in answer["headers"]) is (status in ("429", "503", "507")), (path, method, status)


def test_every_code_is_documented_at_some_operation(document: dict[str, Any]) -> None:
    """But those that no operation answers with: the request is none, or none of the API's."""
    there = {code for _, _, one in operations(document) for status in one["responses"] for code in _codes(one, status)}

    assert set(ERROR_CODES) - there == {"bad_request", "method_not_allowed"}


def _codes(operation: dict[str, Any], status: str) -> set[str]:
    return codes_of(operation, status) if status >= "400" else set()
