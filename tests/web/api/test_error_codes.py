import ast
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from appliance.web.api import error_codes
from appliance.web.api.error_codes import ERROR_CODES, FIELD_CODES, ErrorCode

APPLIANCE = Path(error_codes.__file__).parents[2]


def field_codes_in_the_source() -> set[str]:
    """The third argument of every FieldError and `_refusal`."""
    found = set()
    for path in APPLIANCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in ("FieldError", "_refusal"):
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
