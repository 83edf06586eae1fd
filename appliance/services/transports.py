"""The transport of each sender account, kept as long as the account is as it was: connections live in it."""

import threading
from collections.abc import Callable

from appliance.config.settings import DeliverySettings
from appliance.config.vault import Vault, VaultError
from appliance.db.models import SenderAccount
from appliance.db.models.sender_account import TransportKind
from appliance.mail.mailbox import MailboxTransport
from appliance.mail.smtp import SmtpServer, SmtpTransport
from appliance.mail.smtp_wire import LookUp, look_up
from appliance.mail.transport import AccountTransportError, Envelope, Stage, Transport

Fingerprint = tuple[object, ...]


class Transports:
    def __init__(
        self,
        settings: DeliverySettings,
        vault: Vault,
        *,
        hostname: str,
        keep: Callable[[str, Envelope], None],
        look_up: LookUp = look_up,
    ) -> None:
        """`keep(account_id, envelope)` stores what is handed to a mailbox."""
        self._settings = settings
        self._vault = vault
        self._hostname = hostname
        self._keep = keep
        self._look_up = look_up
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Fingerprint, Transport]] = {}

    def of(self, account: SenderAccount) -> Transport:
        """The one that is open already, or a new one when the account's server or login changed."""
        fingerprint = _fingerprint(account)
        with self._lock:
            known = self._open.get(account.id)
            if known is not None and known[0] == fingerprint:
                return known[1]
            transport = self._make(account)
            self._open[account.id] = (fingerprint, transport)
        if known is not None:
            known[1].close()
        return transport

    def prune(self) -> None:
        """Closes connections that have been idle for too long."""
        for transport in self._all():
            if isinstance(transport, SmtpTransport):
                transport.prune()

    def close(self) -> None:
        for transport in self._all():
            transport.close()

    def smtp(self, account: SenderAccount) -> SmtpTransport:
        """A transport of its own for a test of the account: the code that sends, on a connection that is not shared.

        Raises:
            AccountTransportError: the stored password cannot be read.
        """
        return SmtpTransport(self.server(account), self._settings, self._hostname, look_up=self._look_up)

    def server(self, account: SenderAccount) -> SmtpServer:
        """Where its messages are handed in, and how. Raises AccountTransportError as `smtp`."""
        return SmtpServer(
            host=account.host,
            port=account.port,
            security=account.security,  # type: ignore[arg-type]
            username=account.username,
            password=self._password(account),
        )

    def _password(self, account: SenderAccount) -> str:
        try:
            return self._vault.decrypt(account.password_encrypted) if account.password_encrypted else ""
        except VaultError as error:
            server = f"{account.host}:{account.port}"
            raise AccountTransportError(str(error), stage=Stage.AUTH, server=server) from error

    def _make(self, account: SenderAccount) -> Transport:
        if account.transport == TransportKind.MAILBOX:
            account_id = account.id
            return MailboxTransport(lambda envelope: self._keep(account_id, envelope))
        return self.smtp(account)

    def _all(self) -> list[Transport]:
        with self._lock:
            return [transport for _, transport in self._open.values()]


def _fingerprint(account: SenderAccount) -> Fingerprint:
    return (
        account.transport,
        account.host,
        account.port,
        account.security,
        account.username,
        account.password_encrypted,
    )
