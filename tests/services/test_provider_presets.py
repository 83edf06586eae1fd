import pytest

from appliance.services import provider_presets, sender_accounts
from appliance.services.provider_presets import PRESETS, Preset
from appliance.services.sender_accounts import AccountForm


@pytest.mark.parametrize("preset", PRESETS[:-1], ids=lambda preset: preset.key)
def test_every_provider_makes_a_right_form(preset: Preset) -> None:
    form = AccountForm(
        preset.name,
        "ann@example.com",
        host=preset.host,
        port=preset.port,
        security=preset.security,
        username=preset.username or "ann@example.com",
        password="a secret",
        daily_limit=preset.daily_limit,
    )

    assert sender_accounts.check(form).port == preset.port
    assert preset.security in ("starttls", "tls")
    assert preset.username_hint
    assert preset.password_hint
    assert preset.page.startswith("https://")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_it_is_found_by_its_key_and_its_host(preset: Preset) -> None:
    assert provider_presets.by_key(preset.key) is preset
    assert provider_presets.of_host(preset.host.upper()) is preset


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("email-smtp.eu-central-1.amazonaws.com", "ses"),
        ("smtp.eu.mailgun.org", "mailgun"),
        ("smtp.gmail.com.evil.example", "custom"),
        ("email-smtp.evil.example", "custom"),
        ("", "custom"),
    ],
)
def test_regions_are_known_and_strangers_are_not(host: str, key: str) -> None:
    assert provider_presets.of_host(host).key == key


def test_an_unknown_key_is_a_server_of_ones_own() -> None:
    assert provider_presets.by_key("nonsense").key == "custom"
