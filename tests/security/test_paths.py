"""No address leads to a file that is not meant to be shown, and none that is given leads a browser elsewhere."""

import io
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.bootstrap import Core
from tests.security.filled import Filled, fill
from tests.web.conftest import PASSWORD, ApiClient, submit

CANARY = "the secret that lies beside the database"
UPWARDS = ["../", "..%2f", "..%252f", "%2e%2e/", "..\\", "....//", "..;/", "//", "%00../"]


@pytest.fixture
def filled(api: ApiClient, core: Core) -> Filled:
    """With a secret in the data directory and one beside the program's own files."""
    (core.data_dir.secrets / "canary").write_text(CANARY)
    return fill(api, core)


@pytest.mark.parametrize("up", UPWARDS)
def test_no_name_in_an_address_leads_out_of_its_place(
    app: Flask, alice: FlaskClient, api: ApiClient, core: Core, filled: Filled, up: str
) -> None:
    target = str(core.data_dir.secrets / "canary").lstrip("/")
    for rule in app.url_map.iter_rules():
        for name in rule.arguments:
            for wanted in (up * 12 + target, up + "appliance/web/app.py"):
                path = filled.path(rule, **{name: "1"}).replace("/1", f"/{wanted}", 1)
                answer = (api if path.startswith("/api/v1") else alice).get(path)
                text = answer.get_data(as_text=True)
                answer.close()

                assert CANARY not in text, path
                assert "from flask_openapi3" not in text, path
                assert answer.status_code < 500 or answer.status_code == 503, path


@pytest.mark.parametrize(
    "name", ["../../etc/x", "/etc/x", "..\\..\\x", "a\0b", ".", "..", "x" * 300, "con", "-rf", "~"]
)
def test_a_name_that_is_uploaded_names_no_file(api: ApiClient, core: Core, name: str) -> None:
    before = {path for path in Path(core.data_dir.path.parent).rglob("*") if "attachments" not in path.parts}

    answer = api._client.post(
        "/api/v1/attachments",
        data={"file": (io.BytesIO(b"hello"), name)},
        headers=api._headers,
    )

    assert answer.status_code in (201, 422), answer.text
    after = {path for path in Path(core.data_dir.path.parent).rglob("*") if "attachments" not in path.parts}
    assert {path for path in after - before if not path.name.startswith("postroom.db")} == set()
    kept = [path for path in (core.data_dir.path / "attachments").rglob("*") if path.is_file()]
    assert all(set(path.name) <= set("0123456789abcdef") for path in kept)


ELSEWHERE = [
    *(
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
    ),
    *("http:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x", "/\t/evil.example"),
    *(
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "/\x00/evil.example",
        "evil.example",
        "@evil.example",
    ),
    *(
        "/..//evil.example",
        "/.//evil.example",
        "https://localhost@evil.example",
        "//localhost:80@evil.example",
        "?//e",
        "#//e",
    ),
]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_signing_in_leads_nowhere_else(client: FlaskClient, alice: FlaskClient, wanted: str) -> None:
    fields = {"name": "alice", "password": PASSWORD, "next": wanted}

    answer = submit(client, "/sign-in", fields, form_at=f"/sign-in?next={quote(wanted)}")

    assert answer.status_code == 302
    assert is_here(answer.headers["Location"]), answer.headers["Location"]


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "https://evil.example"])
def test_no_page_leads_elsewhere_whatever_it_is_told(
    app: Flask, alice: FlaskClient, filled: Filled, wanted: str
) -> None:
    names = ("next", "url", "to", "return", "return_to", "back", "redirect")
    for _, path in filled.pages(app):
        answer = alice.get(
            path, query_string=dict.fromkeys(names, wanted), headers={"Referer": wanted.strip()[:1] + "x"}
        )
        answer.close()

        assert is_here(answer.headers.get("Location", "/")), path


@pytest.mark.parametrize("host", ["evil.example", "localhost:8080@evil.example", "localhost\\.evil.example"])
def test_no_redirect_takes_its_host_from_the_request(client: FlaskClient, alice: FlaskClient, host: str) -> None:
    for path in ("/", "/messages", "/api/", "/sign-in?next=/messages"):
        answer = client.get(path, headers={"Host": host, "X-Forwarded-Host": host})

        assert is_here(answer.headers.get("Location", "/")), path


def is_here(location: str) -> bool:
    """As a browser reads it (https://url.spec.whatwg.org: a backslash is a slash, tabs and line breaks are nothing)."""
    read = location.replace("\\", "/").translate(dict.fromkeys([9, 10, 13])).lstrip(" ")
    return read.startswith("/") and not read.startswith("//")
