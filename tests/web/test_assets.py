"""Static files are small on the way and kept for ever; pages are not compressed."""

import gzip

import pytest
from flask.testing import FlaskClient

BUDGET = 300 * 1024


def _packed(client: FlaskClient, path: str) -> tuple[bytes, dict[str, str]]:
    answer = client.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert answer.status_code == 200
    return answer.data, dict(answer.headers)


@pytest.mark.parametrize(
    "path", ["/assets/chart.js?v=1", "/bootstrap/static/css/bootstrap.min.css", "/static/css/postroom.css"]
)
def test_text_goes_out_compressed_and_is_the_same_text(client: FlaskClient, path: str) -> None:
    packed, headers = _packed(client, path)
    plain = client.get(path)
    assert headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in headers["Vary"]
    assert int(headers["Content-Length"]) == len(packed) < len(plain.data)
    assert gzip.decompress(packed) == plain.data
    assert "Content-Encoding" not in plain.headers


def test_everything_a_page_with_charts_loads_is_within_the_budget(client: FlaskClient) -> None:
    paths = (
        "/assets/chart.js",
        "/bootstrap/static/css/bootstrap.min.css",
        "/static/css/postroom.css",
        "/static/js/live.js",
    )
    assert sum(len(_packed(client, path)[0]) for path in paths) < BUDGET - 60 * 1024


def test_an_address_with_a_version_is_kept_for_ever(client: FlaskClient) -> None:
    assert "immutable" in client.get("/assets/chart.js?v=1").headers["Cache-Control"]


def test_a_page_is_not_compressed(client: FlaskClient) -> None:
    answer = client.get("/sign-in", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
