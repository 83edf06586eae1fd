"""The use cases, wired: what web and tasks are handed."""

from dataclasses import dataclass

from appliance.services.account_test import AccountTest
from appliance.services.api_keys import ApiKeys
from appliance.services.attachments import Attachments
from appliance.services.batch import BatchSubmission
from appliance.services.delivery import Delivery
from appliance.services.dry_run import DryRun
from appliance.services.mailbox import Mailbox
from appliance.services.messages import Messages
from appliance.services.periodic import Periodic
from appliance.services.raw_messages import RawMessages
from appliance.services.sender_accounts import SenderAccounts
from appliance.services.setup import Setup
from appliance.services.storage import Storage
from appliance.services.submission import Submission
from appliance.services.suppressions import Suppressions
from appliance.services.template_rendering import TemplateRendering
from appliance.services.templates import Templates
from appliance.services.users import Users


@dataclass(frozen=True, slots=True)
class Services:
    submission: Submission
    batches: BatchSubmission
    dry_run: DryRun
    messages: Messages
    raw_messages: RawMessages
    delivery: Delivery
    sender_accounts: SenderAccounts
    account_test: AccountTest
    attachments: Attachments
    suppressions: Suppressions
    templates: Templates
    template_rendering: TemplateRendering
    mailbox: Mailbox
    periodic: Periodic
    storage: Storage
    users: Users
    setup: Setup
    api_keys: ApiKeys
