"""The transport of the built-in mailbox: it keeps messages for viewing, on a box that has no SMTP account yet."""

from collections.abc import Callable

from appliance.mail.transport import Envelope, Reply, SendResult

SERVER = "built-in mailbox"


class MailboxTransport:
    """Hands each envelope to `keep`, which returns once the message is durable. What `keep` raises passes through."""

    def __init__(self, keep: Callable[[Envelope], None]) -> None:
        self._keep = keep

    def send(self, envelope: Envelope) -> SendResult:
        self._keep(envelope)
        return SendResult(SERVER, Reply(250, "2.0.0 Kept in the built-in mailbox"))

    def close(self) -> None:
        """There is nothing to let go of."""
