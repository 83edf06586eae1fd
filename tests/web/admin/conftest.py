"""Mail in the mailbox, and messages in the states that pages must explain."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from appliance.bootstrap import Core
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.queries import mailbox
from appliance.mail.transport import Envelope
from appliance.services.intake import Address
from appliance.services.submission import SubmitMessage, Submitter

Keep = Callable[..., str]
Submit = Callable[..., str]


@pytest.fixture
def keep(core: Core) -> Keep:
    """Puts a mail into the built-in mailbox; returns its id."""

    def keep(message: EmailMessage, *recipients: str) -> str:
        envelope = Envelope(
            "shop@example.com",
            recipients or ("ann@example.com",),
            message.as_bytes(),
            "<1@example.com>",
            str(message["Subject"]),
        )
        core.services.mailbox.keep(BUILT_IN_MAILBOX_ID, envelope)
        with core.database.read() as session:
            return mailbox.page(session)[0][0].id

    return keep


@pytest.fixture
def submit_message(core: Core) -> Submit:
    """Submits a message; returns its id."""

    def submit(**fields: Any) -> str:
        usual: dict[str, Any] = {"to": (Address("ann@example.com", "Ann"),), "subject": "Hello", "text": "Hi"}
        command = SubmitMessage(**(usual | fields))
        return core.services.submission.submit(command, Submitter(None, "req_test")).id

    return submit
