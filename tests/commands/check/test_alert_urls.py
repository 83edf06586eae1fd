"""`check` reads every URL that alerts go to, names those that no service knows, and sends a test only when asked."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.main import main
from tests.webhook_receiver import WebhookReceiver

Report = Callable[..., tuple[int, list[str]]]
SECRET = "TokenOfOurChat"


@pytest.fixture
def report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Report:
    """Runs the command on `[alerts]` as given; returns the exit code and what it says about alerts."""

    def run(alerts: str, *options: str) -> tuple[int, list[str]]:
        config = tmp_path / "config.ini"
        config.write_text(f"[web]\nport = 0\n[flower]\nport = 0\n[alerts]\n{alerts}\n")
        config.chmod(0o600)
        code = main(["check", "--config", str(config), *options])
        said = capfd.readouterr()
        assert SECRET not in said.out + said.err
        return code, [line for line in said.out.splitlines() if " alerts: " in line]

    return run


def test_without_urls_there_is_nothing_to_read(report: Report) -> None:
    assert report("email = ann@example.com") == (0, ["ok       alerts: go to 1 e-mail address and no URL"])


def test_nobody_is_told_is_no_problem_and_is_said(report: Report) -> None:
    assert report("") == (0, ["ok       alerts: nobody is told; they are shown on the page of alerts"])


def test_urls_that_a_service_knows_are_fine(report: Report) -> None:
    code, lines = report(f"urls = json://127.0.0.1/{SECRET} ntfys://ntfy.sh/{SECRET}")

    assert code == 0
    assert lines == ["ok       alerts: go to 0 e-mail addresses and 2 URLs (json://…, ntfys://…)"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"jsn://127.0.0.1/{SECRET}", "jsn://…"),
        (f"slack://{SECRET}", "slack://…"),
        (SECRET, "…"),
        (f"mailto://user:{SECRET}", "mailto://…"),
    ],
)
def test_every_url_that_no_service_knows_is_named_by_its_place_and_kind(report: Report, url: str, shown: str) -> None:
    code, lines = report(f"urls = json://127.0.0.1/x {url} {url}")

    assert code == 1
    assert [line.partition(" -> ")[0] for line in lines[:2]] == [
        f"problem  alerts: URL 2 of [alerts] urls ({shown}) is none that can be told",
        f"problem  alerts: URL 3 of [alerts] urls ({shown}) is none that can be told",
    ]
    assert "Apprise" in lines[0]


def test_nothing_is_sent_unless_asked_for(report: Report) -> None:
    with WebhookReceiver(200) as receiver:
        report(f"urls = json://127.0.0.1:{receiver.port}/{SECRET}")

        assert receiver.received == []


def test_asked_for_a_test_goes_to_each_url_and_what_became_of_it_is_said(report: Report) -> None:
    with WebhookReceiver(200, 500) as receiver:
        urls = " ".join([f"json://127.0.0.1:{receiver.port}/{SECRET}"] * 2)

        code, lines = report(f"urls = {urls}", "--alerts")

    assert code == 1
    assert json.loads(receiver.received[0].body)["title"].endswith("Test of the alerts")
    assert "ok       alerts: URL 1 of [alerts] urls (json://…) took a test" in lines
    assert "problem  alerts: URL 2 of [alerts] urls (json://…) did not take a test" in lines[-1]
