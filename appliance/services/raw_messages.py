"""A message in RFC 5322 form, as it was sent or as it would be sent now."""

from sqlalchemy.orm import Session

from appliance.db.database import Database
from appliance.db.models import SenderAccount
from appliance.db.queries import accounts, outgoing
from appliance.errors import ContentRemoved, NotFound, WrongState
from appliance.language import gettext
from appliance.services.composition import CannotCompose, Composition


class RawMessages:
    def __init__(self, database: Database, composition: Composition) -> None:
        self._database = database
        self._composition = composition

    def render(self, message_id: str, *, api_key_id: str | None = None) -> bytes:
        """Every call gives other MIME boundaries; all else is as it went out.

        Raises:
            NotFound: there is no such message, or it belongs to another key than `api_key_id`.
            WrongState: there is no account that it could go out through, or it cannot be written.
            ContentRemoved: its body or its attachments reached their age.
        """
        with self._database.read() as session:
            message = outgoing.one(session, message_id, api_key_id=api_key_id)
            if message is None:
                raise NotFound("message", message_id)
            if message.content_removed:
                raise ContentRemoved(
                    gettext("The content of the message is no longer kept ([retention] in the configuration).")
                )
            account = _account(session, message_id)
        if account is None:
            raise WrongState(gettext("Who it comes from is not known yet: there is no sender account."))
        try:
            return self._composition.render(message, account)
        except CannotCompose as error:
            raise WrongState(str(error)) from error


def _account(session: Session, message_id: str) -> SenderAccount | None:
    """That of the last attempt, else the one that it asked for, else the one that comes first."""
    asked_for = outgoing.last_account_id(session, message_id)
    if asked_for is not None:
        return outgoing.account(session, asked_for)
    return next((one for one in accounts.by_priority(session) if one.active), None)
