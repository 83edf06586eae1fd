"""The use cases, wired: what web and tasks are handed."""

from dataclasses import dataclass

from appliance.services.account_test import AccountTest
from appliance.services.api_keys import ApiKeys
from appliance.services.attachments import Attachments
from appliance.services.delivery import Delivery
from appliance.services.mailbox import Mailbox
from appliance.services.messages import Messages
from appliance.services.periodic import Periodic
from appliance.services.raw_messages import RawMessages
from appliance.services.sender_accounts import SenderAccounts
from appliance.services.setup import Setup
from appliance.services.submission import Submission
from appliance.services.users import Users


@dataclass(frozen=True, slots=True)
class Services:
    submission: Submission
    messages: Messages
    raw_messages: RawMessages
    delivery: Delivery
    sender_accounts: SenderAccounts
    account_test: AccountTest
    attachments: Attachments
    mailbox: Mailbox
    periodic: Periodic
    users: Users
    setup: Setup
    api_keys: ApiKeys
