"""/flower/ passes requests of signed-in people on, with Flower's password and without our session."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask.testing import FlaskClient

from appliance.health import Health, Status
from appliance.web.flower_proxy import READ_ONLY
from tests.web.conftest import MakePerson, Parts

OURS = {"Sec-Fetch-Site": "same-origin"}


class Echo(BaseHTTPRequestHandler):
    """Stands where Flower would, and answers with what it was asked."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        asked = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": body}
        answer = json.dumps(asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Set-Cookie", "_xsrf=1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


@pytest.fixture
def flower(parts: Parts) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    parts.flower_port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("flower")
def test_a_request_is_passed_on_with_the_password_of_flower(alice: FlaskClient) -> None:
    asked = alice.get("/flower/task/a%20b?x=1&y=%2F").json

    assert asked["path"] == "/flower/task/a%20b?x=1&y=%2F"
    expected = base64.b64encode(b"admin:flower's password").decode()
    assert asked["headers"]["Authorization"] == f"Basic {expected}"


@pytest.mark.usefixtures("flower")
def test_our_session_is_none_of_flowers_business(alice: FlaskClient) -> None:
    alice.set_cookie("_xsrf", "token")

    asked = alice.get("/flower/").json

    assert asked["headers"]["Cookie"] == "_xsrf=token"


@pytest.mark.usefixtures("flower")
def test_credentials_that_a_browser_sends_are_replaced(alice: FlaskClient) -> None:
    asked = alice.get("/flower/", headers={"Authorization": "Basic bm90OmdvaW5n"}).json

    assert "bm90OmdvaW5n" not in json.dumps(asked)


@pytest.mark.usefixtures("flower")
def test_a_form_of_flower_is_passed_on(alice: FlaskClient) -> None:
    asked = alice.post("/flower/api/worker/shutdown/w", data={"a": "b"}, headers=OURS).json

    assert asked["method"] == "POST"
    assert asked["body"] == "a=b"


@pytest.mark.usefixtures("flower")
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "http://evil.example/localhost"},
        {},
    ],
)
def test_a_form_from_another_site_is_refused(alice: FlaskClient, headers: dict[str, str]) -> None:
    assert alice.post("/flower/api/worker/shutdown/w", headers=headers).status_code == 403


@pytest.mark.usefixtures("flower")
def test_an_older_browser_is_known_by_its_origin(alice: FlaskClient) -> None:
    assert alice.post("/flower/x", headers={"Origin": "http://localhost"}).status_code == 200


@pytest.mark.usefixtures("flower")
def test_whoever_is_not_signed_in_is_asked_to(client: FlaskClient, alice: FlaskClient) -> None:
    answer = client.get("/flower/tasks")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=/flower/tasks"


@pytest.mark.usefixtures("flower")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_whoever_may_only_look_may_only_look_here_too(make_person: MakePerson, method: str) -> None:
    viewer, operator = make_person("vera", "viewer"), make_person("bob", "operator")

    answers = [one.open("/flower/api/worker/shutdown/w", method=method, headers=OURS) for one in (viewer, operator)]

    assert viewer.get("/flower/api/workers").status_code == 200
    assert [one.status_code for one in answers] == [403, 200 if method == "POST" else 501]


@pytest.mark.usefixtures("flower")
def test_flower_is_told_who_may_only_look_by_us_alone(make_person: MakePerson) -> None:
    viewer, operator = make_person("vera", "viewer"), make_person("bob", "operator")

    told = [one.get("/flower/tasks", headers={READ_ONLY: "no"}).json["headers"] for one in (viewer, operator)]

    assert [one.get(READ_ONLY) for one in told] == ["1", None]


@pytest.mark.usefixtures("flower")
def test_flower_may_not_be_framed_by_others(alice: FlaskClient) -> None:
    assert "frame-ancestors 'none'" in alice.get("/flower/").headers["Content-Security-Policy"]


def test_when_flower_is_down_the_page_says_why(alice: FlaskClient, parts: Parts) -> None:
    parts.health = [Health("monitor", Status.FAILED, "port 5555 is <in use>")]

    answer = alice.get("/flower/")

    assert answer.status_code == 503
    assert "port 5555 is &lt;in use&gt;" in answer.text
    assert "Mail flows all the same" in answer.text
