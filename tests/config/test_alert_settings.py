"""The settings of [alerts] as people write them."""

from pathlib import Path

import pytest

from appliance.config.loader import load
from appliance.errors import ConfigError


def write(directory: Path, text: str) -> Path:
    path = directory / "config.ini"
    path.write_text(f"[alerts]\n{text}\n")
    return path


def test_recipients_and_urls_are_separated_by_spaces_and_urls_are_secret(tmp_path: Path) -> None:
    path = write(tmp_path, "email = ann@example.com bob@example.com\nurls = json://host/secret ntfy://topic")

    alerts = load(path, {}).settings.alerts

    assert alerts.email == ("ann@example.com", "bob@example.com")
    assert alerts.urls.get_secret_value().split() == ["json://host/secret", "ntfy://topic"]
    assert "secret" not in repr(alerts)


def test_a_recipient_without_a_domain_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[alerts\] email: expected addresses separated by spaces, got 'ann'"):
        load(write(tmp_path, "email = ann"), {})


def test_alerts_can_be_switched_off_one_by_one(tmp_path: Path) -> None:
    text = "failure_percent = 0\nqueue_minutes = 0\ndisk_free_mb = 0\ncertificate_days = 0\nremind_hours = 0"

    alerts = load(write(tmp_path, text), {}).settings.alerts

    assert (alerts.failure_percent, alerts.queue_minutes, alerts.disk_free_mb, alerts.certificate_days) == (0, 0, 0, 0)
