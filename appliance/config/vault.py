"""Encrypts what must be readable again, such as SMTP passwords, before it goes into the database."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from appliance.errors import ApplianceError


class VaultError(ApplianceError):
    """A secret cannot be read with the key that this appliance has."""


class Vault:
    """Holds one or several Fernet keys, separated by white space: the first encrypts, all of them decrypt."""

    def __init__(self, keys: str) -> None:
        """Raises VaultError when there is no key or one is malformed."""
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys.split()])
        except ValueError as error:
            raise VaultError(
                "The encryption key is malformed. Restore secrets/encryption_key from a backup of the data directory."
            ) from error

    @staticmethod
    def new_key() -> str:
        return Fernet.generate_key().decode("ascii")

    def encrypt(self, secret: str) -> str:
        return self._fernet.encrypt(secret.encode("utf-8")).decode("ascii")

    def decrypt(self, token: str) -> str:
        """Raises VaultError when `token` was encrypted with another key, or was changed."""
        try:
            return self._fernet.decrypt(token.encode("utf-8")).decode("utf-8")
        except InvalidToken as error:
            raise VaultError(
                "A stored secret was encrypted with another key. Restore secrets/encryption_key from the backup that "
                "belongs to this database, or enter the secret again."
            ) from error

    def reencrypt(self, token: str) -> str:
        """The same secret under the first key, for a change of keys. Raises VaultError as `decrypt` does."""
        return self.encrypt(self.decrypt(token))
