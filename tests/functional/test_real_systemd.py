"""What only a systemd that is process 1 can show of the unit. Skipped, with the reason, where none can be booted."""

import json
import os
import re
from collections.abc import Iterator

import pytest

from tests import certificates
from tests.functional.container import Unbootable
from tests.functional.mail import Clients, add_account, arrivals, message, post, wait_for_status
from tests.functional.processes import DIRECT
from tests.functional.service import FAULTY, PLACE, Service, documented
from tests.smtp_sink import SmtpSink
from tests.waiting import wait_until

[INSTALLATION, UPGRADE] = documented("## systemd")
WATCHDOG_SECONDS = 6  # 60 in the unit, which no test waits for
TRUSTED = "/etc/postroom/authority.pem"
REFUSED_BY_THE_KERNEL = re.compile("Permission denied|Operation not permitted|Read-only file system|Bad system call")


@pytest.fixture(scope="module")
def sink() -> Iterator[SmtpSink]:
    """Of a certificate that the container trusts."""
    with SmtpSink(starttls=True) as sink:
        yield sink


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sink: SmtpSink) -> Iterator[Service]:
    """Installed and started as documented, with an account that sends to `sink`."""
    try:
        service = Service(tmp_path_factory.mktemp("service"))
    except Unbootable as error:
        pytest.skip(str(error))
    try:
        service.boot()
        cd, install, enable, _ = (command for command, _ in INSTALLATION)
        service.printed = [service.type(cd), service.type(install)]
        service.configure()
        (service.container.root / TRUSTED[1:]).write_text(certificates.public_certificate())
        service.override(
            "tests", f"WatchdogSec={WATCHDOG_SECONDS}", "RestartSec=1", f"Environment=SSL_CERT_FILE={TRUSTED}"
        )
        service.type(enable)
        add_account(service, sink, host="localhost", security="starttls")
        yield service
    except Unbootable as error:
        pytest.skip(str(error))
    finally:
        service.container.shut_down()


def test_installing_prints_what_the_documentation_has(service: Service) -> None:
    assert service.printed == [lines for _, lines in INSTALLATION[:2]]


def test_setup_link_is_found_in_the_journal_as_documented(service: Service) -> None:
    links = re.findall(r"http://\S+/setup\?token=[\w-]+", "\n".join(service.type(INSTALLATION[-1][0])))

    with DIRECT.open(links[-1].replace("localhost", "127.0.0.1")) as page:
        assert page.status == 200


def test_it_runs_as_a_user_of_its_own_with_no_privilege(service: Service) -> None:
    facts = (service.container.root / "proc" / service.shows("MainPID") / "status").read_text()
    owner = service.data_dir.stat()

    assert service.systemctl("is-enabled", "postroom").strip() == "enabled"
    assert service.shows("User") == "postroom"
    assert f"\nUid:\t{owner.st_uid}\t{owner.st_uid}" in facts
    assert owner.st_uid != 0
    assert "\nCapBnd:\t0000000000000000\n" in facts
    assert "\nSeccomp:\t2\n" in facts


def test_data_is_where_linux_expects_it_and_closed(service: Service) -> None:
    assert (service.data_dir / "postroom.db").stat().st_mode & 0o077 == 0
    assert service.data_dir.stat().st_mode & 0o077 == 0
    assert service.configuration().stat().st_mode & 0o777 == 0o640


def test_systemd_finds_little_that_is_open(service: Service) -> None:
    said = service.container.run("systemd-analyze", "security", "--no-pager", "postroom").stdout

    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= 2.0


def test_everything_works_within_the_confinement(service: Service, sink: SmtpSink) -> None:
    attachment = {"filename": "a.txt", "content": "SGVsbG8=", "content_type": "text/plain"}
    body = {"html": "<style>p {color: red}</style><p>Hello", "attachments": [attachment]}

    wait_for_status(service, post(service, "confined@example.com", **body), "sent")

    assert arrivals(sink)["confined@example.com"]
    assert {component["status"] for component in service.health().values()} == {"running"}
    assert service.ask_flower("GET", "/api/workers")[0] == 200
    assert REFUSED_BY_THE_KERNEL.findall(service.journal()) == []


def test_journal_knows_how_bad_a_line_is_and_has_its_moment_once(service: Service, sink: SmtpSink) -> None:
    sink.reply("RCPT", "550 5.1.1 no such user", when=lambda line: "nobody" in line)
    failed, sent = post(service, "nobody@example.com"), post(service, "somebody@example.com")
    wait_for_status(service, failed, "failed")
    wait_for_status(service, sent, "sent")
    sink.forget_rules()

    wait_until(lambda: told_of(service, failed) and told_of(service, sent), timeout=15)

    assert [(priority, line[:22]) for priority, line in told_of(service, failed)] == [("4", "[warning  ] message fa")]
    assert [(priority, line[:22]) for priority, line in told_of(service, sent)] == [("6", "[info     ] message se")]
    assert [line[:9] for _, line in told_of(service, failed, "--priority=warning")] == ["[warning "]
    assert told_of(service, sent, "--priority=warning") == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("check", "is used by the running appliance"),
        ("user add alice", "alice can sign in now"),
        ("apikey create --name shop --scopes send", "pr_"),
        ("backup", "It holds"),
        ("doctor -", "/var/lib/postroom"),
    ],
)
def test_command_works_beside_the_running_service(service: Service, command: str, answer: str) -> None:
    assert answer in service.postroom(*command.split(), said="correct horse battery\n")


def test_root_is_kept_from_writing_what_the_service_could_not_read(service: Service) -> None:
    assert "sudo -u postroom" in service.postroom("backup", user="root", check=False)


def test_process_that_was_killed_is_started_again(service: Service) -> None:
    first, pid = post(service), service.pid()

    service.systemctl("kill", "--signal=KILL", "--kill-who=main", "postroom")

    wait_until(lambda: service.is_ready_after(pid), 90, "systemd did not start it again")
    wait_for_status(service, first, "sent")


def test_stop_and_start_under_load_lose_nothing_and_send_nothing_twice(service: Service, sink: SmtpSink) -> None:
    sink.delay("END_OF_DATA", 0.05)
    with Clients(service, count=8) as clients:
        clients.post_more(200)
        service.systemctl("stop", "postroom")
        stopped = (service.shows("Result"), service.shows("ExecMainStatus"), service.shows("ActiveState"))
        service.systemctl("start", "postroom")
        clients.stop()
    sink.forget_rules()

    assert stopped == ("success", "0", "inactive")
    wait_until(lambda: set(clients.accepted) <= set(arrivals(sink)), 60, "what was accepted is not all sent")
    came = arrivals(sink)
    assert [recipient for recipient in clients.accepted if len(came[recipient]) > 1] == []


def test_wrong_configuration_is_told_in_the_journal_and_not_tried_again(service: Service) -> None:
    right = service.configuration().read_text()
    service.configuration().write_text(right.replace("[flower]", "hots = 127.0.0.1\n[flower]"))

    refused = service.container.run("systemctl", "restart", "postroom", check=False)

    service.configuration().write_text(right)
    assert refused.returncode != 0
    assert (service.shows("ActiveState"), service.shows("ExecMainStatus")) == ("failed", str(os.EX_CONFIG))
    assert "[web] hots: unknown key" in service.journal()
    service.systemctl("start", "postroom")
    wait_for_status(service, post(service), "sent")


def test_upgrade_as_documented_leaves_bytecode_that_the_service_could_not_write(service: Service) -> None:
    before = post(service)
    module = f"{PLACE}/appliance/program.py"

    for command, _ in UPGRADE:
        service.type(command)

    assert "next version" in service.container.run("cat", module).stdout
    assert service.container.run("find", f"{PLACE}/appliance", "-name", "program.*.pyc", "-newer", module).stdout
    assert message(service, before)["status"] == "sent"


def test_whole_package_is_compiled(service: Service) -> None:
    package = service.container.root / PLACE[1:] / "appliance"
    modules = {path.stem for path in package.rglob("*.py")}
    compiled = {path.name.partition(".")[0] for path in package.rglob("*.pyc")}

    assert modules <= compiled
    assert {path.stat().st_uid for path in package.rglob("*")} == {0}


def test_installing_beside_the_running_service_says_what_it_needs(service: Service) -> None:
    said = service.postroom("systemd", "--install", user="root").splitlines()

    assert said[0] == "/etc/systemd/system/postroom.service is as it should be already."
    assert said[1] == "It runs as it was before: systemctl restart postroom"


def test_held_event_loop_is_ended_by_the_watchdog_and_mail_goes_on(service: Service, sink: SmtpSink) -> None:
    config = f"--config /{service.configuration().relative_to(service.container.root)}"
    service.override("faulty", "ExecStart=", f"ExecStart={PLACE}/.venv/bin/python {PLACE}/{FAULTY} {config}")
    service.systemctl("restart", "postroom")
    first, pid = post(service, "held@example.com"), service.pid()

    service.systemctl("kill", "--signal=USR1", "--kill-who=main", "postroom")
    wait_until(lambda: service.is_ready_after(pid), 90, "systemd did not start it again")

    assert f"Watchdog timeout (limit {WATCHDOG_SECONDS}s)!" in service.journal()
    assert "hold_the_loop" in service.journal(), "the journal does not tell who held the loop"
    wait_for_status(service, first, "sent")
    wait_for_status(service, post(service), "sent")


def told_of(service: Service, message_id: str, *options: str) -> list[tuple[str, str]]:
    """Priority and text of each entry of the journal that names it."""
    said = service.container.run("journalctl", "--unit=postroom", "--output=json", *options).stdout
    entries = [json.loads(entry) for entry in said.splitlines()]
    return [(entry["PRIORITY"], entry["MESSAGE"]) for entry in entries if message_id in entry["MESSAGE"]]
