"""The use cases, wired: what web and tasks are handed."""

from dataclasses import dataclass

from appliance.services.account_test import AccountTest
from appliance.services.account_trials import AccountTrials
from appliance.services.alerts import Alerts
from appliance.services.api_keys import ApiKeys
from appliance.services.attachments import Attachments
from appliance.services.backups import Backups
from appliance.services.batch import BatchSubmission
from appliance.services.box import Box
from appliance.services.bulk import Bulk
from appliance.services.capacity import Capacity
from appliance.services.delivery import Delivery
from appliance.services.dry_run import DryRun
from appliance.services.first_run import FirstRun
from appliance.services.job_runs import JobRuns
from appliance.services.jobs import Jobs
from appliance.services.mailbox import Mailbox
from appliance.services.mailbox_release import MailboxRelease
from appliance.services.messages import Messages
from appliance.services.own_password import OwnPassword
from appliance.services.periodic import Periodic
from appliance.services.place import Place
from appliance.services.raw_messages import RawMessages
from appliance.services.retention import Retention
from appliance.services.second_factor import SecondFactor
from appliance.services.sender_accounts import SenderAccounts
from appliance.services.sessions import Sessions
from appliance.services.setup import Setup
from appliance.services.storage import Storage
from appliance.services.submission import Submission
from appliance.services.suppressions import Suppressions
from appliance.services.template_preview import TemplatePreview
from appliance.services.template_rendering import TemplateRendering
from appliance.services.templates import Templates
from appliance.services.user_changes import UserChanges
from appliance.services.users import Users
from appliance.services.webhook_courier import WebhookCourier
from appliance.services.webhook_endpoints import WebhookEndpoints
from appliance.services.webhook_replay import WebhookReplay


@dataclass(frozen=True, slots=True)
class Services:
    submission: Submission
    batches: BatchSubmission
    dry_run: DryRun
    messages: Messages
    bulk: Bulk
    jobs: Jobs
    job_runs: JobRuns
    raw_messages: RawMessages
    delivery: Delivery
    sender_accounts: SenderAccounts
    account_test: AccountTest
    account_trials: AccountTrials
    attachments: Attachments
    suppressions: Suppressions
    templates: Templates
    template_rendering: TemplateRendering
    template_preview: TemplatePreview
    mailbox: Mailbox
    mailbox_release: MailboxRelease
    periodic: Periodic
    retention: Retention
    box: Box
    backups: Backups
    alerts: Alerts
    storage: Storage
    capacity: Capacity
    users: Users
    user_changes: UserChanges
    own_password: OwnPassword
    second_factor: SecondFactor
    sessions: Sessions
    place: Place
    first_run: FirstRun
    setup: Setup
    api_keys: ApiKeys
    webhook_endpoints: WebhookEndpoints
    webhook_courier: WebhookCourier
    webhook_replay: WebhookReplay
