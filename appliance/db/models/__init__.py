"""One noun a file. Importing this package makes every table known to `Base.metadata`."""

from appliance.db.models.access import IdempotencyKey
from appliance.db.models.alert import Alert
from appliance.db.models.api_key import ApiKey
from appliance.db.models.attachment import Attachment, MessageAttachment
from appliance.db.models.audit_entry import AuditEntry
from appliance.db.models.base import Base
from appliance.db.models.box import Flag, ScheduleRun
from appliance.db.models.delivery_attempt import DeliveryAttempt
from appliance.db.models.event import Event
from appliance.db.models.job import Job
from appliance.db.models.mailbox import KeptMail
from appliance.db.models.message import Message
from appliance.db.models.message_body import MessageBody, MessageTag
from appliance.db.models.message_deed import MessageDeed
from appliance.db.models.message_search import MessageCount, MessageSearch
from appliance.db.models.recipient import Recipient
from appliance.db.models.rollup import Rollup
from appliance.db.models.sender_account import AccountDay, SenderAccount
from appliance.db.models.suppression import Suppression
from appliance.db.models.template import Template, TemplateVersion
from appliance.db.models.user import RecoveryCode, User, UserSession
from appliance.db.models.webhook_delivery import WebhookAttempt, WebhookDelivery
from appliance.db.models.webhook_endpoint import WebhookEndpoint

__all__ = [
    "AccountDay",
    "Alert",
    "ApiKey",
    "Attachment",
    "AuditEntry",
    "Base",
    "DeliveryAttempt",
    "Event",
    "Flag",
    "IdempotencyKey",
    "Job",
    "KeptMail",
    "Message",
    "MessageAttachment",
    "MessageBody",
    "MessageCount",
    "MessageDeed",
    "MessageSearch",
    "MessageTag",
    "Recipient",
    "RecoveryCode",
    "Rollup",
    "ScheduleRun",
    "SenderAccount",
    "Suppression",
    "Template",
    "TemplateVersion",
    "User",
    "UserSession",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
