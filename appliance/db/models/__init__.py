"""One noun a file. Importing this package makes every table known to `Base.metadata`."""

from appliance.db.models.access import ApiKey, IdempotencyKey, User
from appliance.db.models.attachment import Attachment, MessageAttachment
from appliance.db.models.base import Base
from appliance.db.models.box import Flag, ScheduleRun
from appliance.db.models.delivery_attempt import DeliveryAttempt
from appliance.db.models.mailbox import KeptMail
from appliance.db.models.message import Message
from appliance.db.models.message_body import MessageBody, MessageTag
from appliance.db.models.recipient import Recipient
from appliance.db.models.sender_account import AccountDay, SenderAccount
from appliance.db.models.suppression import Suppression
from appliance.db.models.template import Template, TemplateVersion

__all__ = [
    "AccountDay",
    "ApiKey",
    "Attachment",
    "Base",
    "DeliveryAttempt",
    "Flag",
    "IdempotencyKey",
    "KeptMail",
    "Message",
    "MessageAttachment",
    "MessageBody",
    "MessageTag",
    "Recipient",
    "ScheduleRun",
    "SenderAccount",
    "Suppression",
    "Template",
    "TemplateVersion",
    "User",
]
