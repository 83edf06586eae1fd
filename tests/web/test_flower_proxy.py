"""/flower/ passes requests of signed-in people on, with Flower's password and without our session."""

import base64
import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask.testing import FlaskClient

from appliance.health import Health, Status
from appliance.web.flower_proxy import READ_ONLY
from tests.web.conftest import MakePerson, Parts

OURS = {"Sec-Fetch-Site": "same-origin"}


PAGE = (
    b'<!doctype html>\n<html lang="en"><head><title>Flower</title></head>\n<BODY class="app-body">Workers</body></html>'
)
WAY_BACK = re.compile(
    r'<BODY class="app-body">\s*<nav [^>]*>\s*<a href="/">[^<]*Back to Postroom</a>\s*</nav>\s*Workers'
)


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


class Answering(BaseHTTPRequestHandler):
    """Answers as the test wants it: status, headers, and the body in pieces."""

    answer: tuple[int, dict[str, str], list[bytes]]

    def do_GET(self) -> None:
        status, headers, pieces = self.answer
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent."""


AnswerWith = Callable[..., None]


@pytest.fixture
def flower_answers(parts: Parts) -> Iterator[AnswerWith]:
    """`flower_answers(*pieces, status=200, **headers)`: what Flower answers from now on, a page unless told otherwise.

    A header that is empty is left out.
    """

    class Handler(Answering):
        """Of this test alone."""

    def answer_with(*pieces: bytes, status: int = 200, **headers: str) -> None:
        length = {"Content-Length": str(len(b"".join(pieces)))}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        Handler.answer = (status, {"Content-Type": "text/html; charset=UTF-8"} | length | named, list(pieces))

    with listening(Handler, parts):
        yield answer_with


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], parts: Parts) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    parts.flower_port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def flower(parts: Parts) -> Iterator[None]:
    with listening(Echo, parts):
        yield


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


@pytest.mark.parametrize("status", [200, 404])
def test_a_page_of_flower_has_a_way_back_to_ours(alice: FlaskClient, flower_answers: AnswerWith, status: int) -> None:
    flower_answers(PAGE, status=status, ETag='"of what Flower made"')

    answer = alice.get("/flower/workers")

    assert answer.status_code == status
    assert WAY_BACK.search(answer.text)
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert "ETag" not in answer.headers
    assert alice.get(re.findall(r'<a href="([^"]*)">[^<]*Back', answer.text)[0]).status_code == 200


def test_the_rest_of_a_page_is_as_flower_made_it(alice: FlaskClient, flower_answers: AnswerWith) -> None:
    flower_answers(PAGE)

    page = alice.get("/flower/workers").data

    begin, end = page.index(b"<nav"), page.index(b"</nav>") + len(b"</nav>")
    assert (page[:begin].rstrip() + page[end:].lstrip()) == PAGE


@pytest.mark.parametrize("size", [1, 7, 16 * 1024])
def test_the_way_back_is_found_however_a_page_comes(alice: FlaskClient, flower_answers: AnswerWith, size: int) -> None:
    page = PAGE.replace(b"Workers", b"Workers" + b"x" * 40_000)
    flower_answers(
        *(page[start : start + size] for start in range(0, 200, size)), page[len(range(0, 200, size)) * size :]
    )

    answer = alice.get("/flower/workers")

    assert WAY_BACK.search(answer.text)
    assert answer.text.endswith("x</body></html>")
    assert answer.headers["Content-Length"] == str(len(answer.data))


def test_a_page_without_a_length_gets_it_too(alice: FlaskClient, flower_answers: AnswerWith) -> None:
    flower_answers(b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE), Transfer_Encoding="chunked", Content_Length="")

    answer = alice.get("/flower/workers")

    assert WAY_BACK.search(answer.text)
    assert answer.text.endswith("</body></html>")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE, {"Content_Type": "application/json"}),
        (PAGE, {"Content_Type": "application/javascript"}),
        (gzip.compress(PAGE), {"Content_Encoding": "gzip"}),
        (b"<p>no page at all</p>", {}),
        (b"<head>" + b"x" * 100_000 + b"<body>", {}),
        (b"", {}),
    ],
)
def test_what_is_no_page_is_passed_on_as_it_is(
    alice: FlaskClient, flower_answers: AnswerWith, body: bytes, headers: dict[str, str]
) -> None:
    flower_answers(body, ETag='"1"', **headers)

    answer = alice.get("/flower/workers")

    assert answer.data == body
    assert (answer.headers["Content-Length"], answer.headers["ETag"]) == (str(len(body)), '"1"')


def test_a_page_that_broke_off_is_not_made_to_look_whole(alice: FlaskClient, flower_answers: AnswerWith) -> None:
    flower_answers(PAGE, Content_Length="100000")

    answer = alice.get("/flower/workers")

    assert WAY_BACK.search(answer.text)
    assert int(answer.headers["Content-Length"]) == 100_000 + len(answer.data) - len(PAGE)


def test_the_way_back_is_in_the_language_of_the_pages(alice: FlaskClient, flower_answers: AnswerWith) -> None:
    flower_answers(PAGE)

    page = alice.get("/flower/workers", headers={"Accept-Language": "zh-CN"}).text

    assert '<nav lang="zh' in page


def test_when_flower_is_down_the_page_says_why(alice: FlaskClient, parts: Parts) -> None:
    parts.health = [Health("monitor", Status.FAILED, "port 5555 is <in use>")]

    answer = alice.get("/flower/")

    assert answer.status_code == 503
    assert "port 5555 is &lt;in use&gt;" in answer.text
    assert "Mail flows all the same" in answer.text
