"""What browsers are told about our answers."""

from flask.testing import FlaskClient


def test_pages_run_no_inline_script_and_load_nothing_foreign(client: FlaskClient) -> None:
    policy = client.get("/setup").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_no_page_carries_inline_script_or_style(alice: FlaskClient) -> None:
    for path in ("/", "/messages", "/mailbox", "/accounts", "/accounts/new", "/accounts/acc_mailbox", "/keys"):
        page = alice.get(path).text

        assert "<style" not in page
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<script>" not in page


def test_every_answer_has_the_headers(client: FlaskClient) -> None:
    for path in ("/setup", "/health/live", "/nowhere", "/static/css/postroom.css", "/api/v1/messages"):
        headers = client.get(path).headers

        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["X-Frame-Options"] == "DENY", path
        assert headers["Referrer-Policy"] == "same-origin", path


def test_pages_are_not_kept_by_browsers(alice: FlaskClient) -> None:
    assert alice.get("/").headers["Cache-Control"] == "no-store"


def test_a_static_file_with_a_version_is_kept_for_ever(client: FlaskClient) -> None:
    page = client.get("/setup").text
    address = page.partition('stylesheet" href="/static/')[2].partition('"')[0]

    answer = client.get(f"/static/{address}")

    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]


def test_a_static_file_that_is_missing_is_not_kept(client: FlaskClient) -> None:
    assert "immutable" not in client.get("/static/none.css?v=1").headers.get("Cache-Control", "")


def test_https_is_insisted_on_only_where_it_is_used(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/setup").headers
    assert "max-age" in client.get("/setup", base_url="https://localhost").headers["Strict-Transport-Security"]
