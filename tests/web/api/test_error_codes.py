import ast
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from appliance.config.settings import Settings
from appliance.db.models.message import Reason
from appliance.web.api import error_codes
from appliance.web.api.error_codes import ERROR_CODES, FIELD_CODES, ErrorCode
from tests.web.api.problems import problem_of
from tests.web.api.provoked import PROVOKED, Setting
from tests.web.conftest import ApiClient, MakeApi

APPLIANCE = Path(error_codes.__file__).parents[2]
GUIDE = (APPLIANCE.parent / "docs" / "errors.md").read_text(encoding="utf-8")
REASONS = {*Reason, ""}

# What each number of the platform that Postroom replaces has become: codes of errors, codes of fields, or, where
# nothing is refused any more, the reason that the accepted message carries meanwhile or in the end.
EARLIER_NUMBERS: dict[str, dict[str, set[str]]] = {
    "1001": {"codes": {"invalid_fields", "invalid_json", "bad_request", "unsupported_media_type"}},
    "1002": {"codes": {"unauthenticated", "too_many_failures"}},
    "1003": {"codes": {"forbidden", "not_allowed"}},
    "1004": {"codes": {"not_found"}},
    "1005": {"codes": {"method_not_allowed"}},
    "1006": {"codes": {"idempotency_key_reused", "conflict"}},
    "2001": {"reasons": {"refused", "exhausted"}},
    "2002": {"reasons": {"quota", "breaker", "paused", "no_account"}},
    "2003": {"codes": {"not_found", "invalid_fields"}, "fields": {"not_found"}},
    "2004": {"codes": {"invalid_fields"}, "fields": {"required", "invalid"}},
    "2005": {"codes": {"storage_unavailable", "invalid_fields"}, "fields": {"required"}},
    "2006": {"codes": {"not_found", "invalid_fields"}, "fields": {"not_found"}},
    "2007": {"codes": {"request_too_large", "invalid_fields"}, "fields": {"too_large"}},
    "2008": {"codes": {"not_found"}},
    "2009": {"reasons": {"account_error", "breaker"}},
    "3001": {"codes": {"storage_unavailable"}},
    "3002": {"codes": {"temporarily_unavailable"}},
    "3003": {"codes": {"temporarily_unavailable"}},
    "5000": {"codes": {"internal_error"}},
    "5001": {"codes": {"temporarily_unavailable", "storage_unavailable"}},
    "429": {"codes": {"rate_limited", "quota_used_up"}},
    "MAX_RETRIES_EXCEEDED": {"reasons": {"exhausted"}},
    "TASK_ERROR": {"reasons": {"invalid", "uncertain"}},
}


def field_codes_in_the_source() -> set[str]:
    """The third argument of every FieldError and `refusal`."""
    found = set()
    for path in APPLIANCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("FieldError", "refusal"):
                codes = [*node.args[2:3], *(one.value for one in node.keywords if one.arg == "code")]
                found |= {one.value for one in codes if isinstance(one, ast.Constant)}
    return found


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_code_has_a_page_with_its_cause_and_remedy(client: FlaskClient, code: str) -> None:
    error = ERROR_CODES[code]

    answer = client.get(error.page)

    assert answer.status_code == 200
    assert f"<code>{code}</code>" in answer.text
    assert error.title in answer.text.replace("&#39;", "'")
    assert len(error.cause) > 40
    assert len(error.remedy) > 40


def test_index_lists_every_code(client: FlaskClient) -> None:
    answer = client.get("/docs/errors/")

    assert answer.status_code == 200
    for error in ERROR_CODES.values():
        assert f'href="{error.page}"' in answer.text


def test_code_that_there_is_not_is_not_found(client: FlaskClient) -> None:
    assert client.get("/docs/errors/no_such_code").status_code == 404


def test_every_code_that_the_module_makes_is_in_the_list() -> None:
    made = {one for one in vars(error_codes).values() if isinstance(one, ErrorCode)}

    assert made == set(ERROR_CODES.values())


def test_every_code_of_a_field_is_explained() -> None:
    assert field_codes_in_the_source() <= set(FIELD_CODES)


@pytest.fixture
def setting(app: Flask, core: Core, settings: Settings, api: ApiClient, make_api: MakeApi) -> Setting:
    return Setting(app, core, settings, api, make_api)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_code_is_an_answer_that_somebody_can_get(setting: Setting, code: str) -> None:
    answer = PROVOKED[code](setting)

    problem_of(answer, ERROR_CODES[code].status, code)


@pytest.mark.parametrize("number", EARLIER_NUMBERS)
def test_every_earlier_number_has_become_something(number: str) -> None:
    now = EARLIER_NUMBERS[number]

    assert now.get("codes", set()) <= set(ERROR_CODES)
    assert now.get("fields", set()) <= set(FIELD_CODES)
    assert now.get("reasons", set()) <= REASONS
    (row,) = re.findall(rf"^\| {number} .*$", GUIDE, re.MULTILINE)
    for word in set().union(*now.values()):
        assert f"`{word}`" in row


def test_guide_has_every_code() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(/docs/errors/\w+\) \| (\d+) ", GUIDE, re.MULTILINE)

    assert {code: int(status) for code, status in rows} == {
        code: int(error.status) for code, error in ERROR_CODES.items()
    }


def test_guide_has_every_code_of_a_field() -> None:
    assert {f"| `{code}` | {meaning} |" for code, meaning in FIELD_CODES.items()} <= set(GUIDE.splitlines())
