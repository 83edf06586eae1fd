import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.commands.systemd.unit import Unit
from appliance.config.log_settings import LogSettings
from appliance.config.settings import ApplianceSettings, BackupSettings, Settings, SupervisorSettings, WebSettings
from appliance.runtime.http_connections import MOST_CONNECTIONS


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    root = tmp_path / "post room %a"
    root.mkdir()
    (root / "run.py").touch()
    return Unit(
        root=root,
        python=Path(sys.executable),
        environment=root / ".venv",
        user="root",
        config=None,
        settings=Settings(base_dir=root, supervisor=SupervisorSettings(grace_seconds=90)),
    )


def values_of(unit: Unit, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.text().splitlines() if line.startswith(f"{key}=")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_understands_every_line(unit: Unit, tmp_path: Path) -> None:
    path = tmp_path / "postroom.service"
    path.write_text(unit.text())

    result = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)

    assert [line for line in result.stderr.splitlines() if "postroom" in line] == []
    assert result.returncode == 0


def test_stop_may_take_longer_than_the_grace_period(unit: Unit) -> None:
    assert int(values_of(unit, "TimeoutStopSec")[0]) > 90


def test_paths_survive_spaces_and_specifiers(unit: Unit) -> None:
    command = values_of(replace(unit, config=unit.root / "config.ini"), "ExecStart")[0]

    assert f'"{unit.root}/run.py"'.replace("%", "%%") in command
    assert command.endswith('config.ini"')


def test_exposure_is_low(unit: Unit, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    path = tmp_path / "postroom.service"
    path.write_text(replace(unit, user="postroom").text())

    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )

    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert exposure is not None, said.stderr
    assert float(exposure[1]) <= 2.0


def test_only_data_and_packages_can_be_written(unit: Unit) -> None:
    data, packages = values_of(unit, "ReadWritePaths")

    assert data.strip('"').replace("%%", "%") == str(unit.settings.data_dir)
    assert packages.strip('"').replace("%%", "%") == f"-{unit.environment}"
    assert values_of(unit, "ProtectSystem") == ["strict"]


def test_systemd_looks_after_directories_in_the_usual_places(unit: Unit) -> None:
    settings = Settings(appliance=ApplianceSettings(data_dir=Path("/var/lib/postroom")))
    usual = replace(unit, settings=settings, config=Path("/etc/postroom/config.ini"))

    assert values_of(usual, "StateDirectory") == ["postroom"]
    assert values_of(usual, "StateDirectoryMode") == ["0700"]
    assert values_of(usual, "ConfigurationDirectory") == ["postroom"]
    assert len(values_of(usual, "ReadWritePaths")) == 1


def test_directories_of_backups_and_logs_elsewhere_can_be_written(unit: Unit) -> None:
    backup = BackupSettings(directory=Path("/mnt/backups of mail"))
    log = LogSettings(file="/var/log/postroom/postroom.log")
    elsewhere = replace(unit, settings=Settings(base_dir=unit.root, backup=backup, log=log))

    assert values_of(elsewhere, "ReadWritePaths")[2:] == ['"-/mnt/backups of mail"', "-/var/log/postroom"]


def test_it_is_started_again_however_it_ended_and_however_often(unit: Unit) -> None:
    assert values_of(unit, "Restart") == ["always"]
    assert values_of(unit, "StartLimitIntervalSec") == ["0"]
    assert values_of(unit, "WatchdogSec") == ["60"]


def test_wrong_configuration_is_not_tried_again(unit: Unit) -> None:
    assert values_of(unit, "RestartPreventExitStatus") == [str(os.EX_CONFIG)]


def test_files_suffice_for_the_connections_that_are_allowed(unit: Unit) -> None:
    assert int(values_of(unit, "LimitNOFILE")[0]) >= 2 * MOST_CONNECTIONS


def test_memory_with_mail_and_passwords_is_never_written_to_a_file(unit: Unit) -> None:
    assert values_of(unit, "LimitCORE") == ["0"]


def test_port_below_1024_is_allowed_only_when_it_is_asked_for(unit: Unit) -> None:
    low = replace(unit, settings=Settings(base_dir=unit.root, web=WebSettings(port=80)))

    assert values_of(unit, "CapabilityBoundingSet") == [""]
    assert values_of(low, "CapabilityBoundingSet") == ["CAP_NET_BIND_SERVICE"]
    assert values_of(low, "AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    assert (values_of(unit, "PrivateUsers"), values_of(low, "PrivateUsers")) == (["yes"], [])


def test_home_is_hidden_unless_something_lives_there(unit: Unit) -> None:
    elsewhere = replace(
        unit, root=Path("/opt/postroom"), python=Path("/bin/sh"), settings=Settings(base_dir=Path("/opt/postroom"))
    )
    data_at_home = replace(
        elsewhere, settings=Settings(appliance=ApplianceSettings(data_dir=Path("/home/alice/postroom")))
    )

    assert values_of(elsewhere, "ProtectHome") == ["yes"]
    assert values_of(data_at_home, "ProtectHome") == ["read-only"]
