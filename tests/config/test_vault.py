import pytest

from appliance.config.vault import Vault, VaultError


def test_secret_comes_back_as_it_was() -> None:
    vault = Vault(Vault.new_key())

    assert vault.decrypt(vault.encrypt("pässword\n%")) == "pässword\n%"


def test_what_is_kept_does_not_show_the_secret() -> None:
    vault = Vault(Vault.new_key())

    assert "hunter2" not in vault.encrypt("hunter2")
    assert vault.encrypt("hunter2") != vault.encrypt("hunter2")


@pytest.mark.parametrize("token", ["", "nonsense", "gAAAAA", "ü"])
def test_text_that_is_no_secret_is_refused_with_a_remedy(token: str) -> None:
    with pytest.raises(VaultError, match="Restore secrets/encryption_key"):
        Vault(Vault.new_key()).decrypt(token)


def test_secret_of_another_key_is_refused() -> None:
    token = Vault(Vault.new_key()).encrypt("hunter2")

    with pytest.raises(VaultError):
        Vault(Vault.new_key()).decrypt(token)


@pytest.mark.parametrize("keys", ["", "short", "é" * 44])
def test_malformed_key_is_refused(keys: str) -> None:
    with pytest.raises(VaultError):
        Vault(keys)


def test_old_secrets_are_read_and_renewed_after_a_change_of_keys() -> None:
    old, new = Vault.new_key(), Vault.new_key()
    token = Vault(old).encrypt("hunter2")

    renewed = Vault(f"{new}\n{old}").reencrypt(token)

    assert Vault(new).decrypt(renewed) == "hunter2"
