"""Words for the audit: what each action is called, and each detail that an entry tells. The values stand in
templates/audit_words.html."""

from datetime import datetime

from flask_babel import lazy_gettext as _

ACTIONS = {
    "account.changed": _("Sender account changed"),
    "account.created": _("Sender account created"),
    "account.deleted": _("Sender account deleted"),
    "account.moved": _("Order of the sender accounts changed"),
    "account.paused": _("Sender account paused"),
    "account.resumed": _("Sender account resumed"),
    "account.tested": _("Sender account tested"),
    "alerts.tested": _("Test of the alerts sent"),
    "attachment.deleted": _("Attachment deleted"),
    "attachment.uploaded": _("Attachment uploaded"),
    "backup.downloaded": _("Backup downloaded"),
    "backup.run": _("Backup begun by hand"),
    "box.paused": _("Sending paused"),
    "box.restored": _("Box restored from a backup"),
    "box.resumed": _("Sending started"),
    "encryption_key.changed": _("Encryption key changed"),
    "first_run.dismissed": _("First steps put away"),
    "job.cancelled": _("Job stopped"),
    "job.created": _("Job created"),
    "job.done": _("Job done"),
    "job.failed": _("Job failed"),
    "key.changed": _("API key changed"),
    "key.created": _("API key created"),
    "key.revoked": _("API key revoked"),
    "mailbox.deleted": _("Mail removed from the built-in mailbox"),
    "mailbox.emptied": _("Built-in mailbox emptied"),
    "mailbox.released": _("Mail of the built-in mailbox released"),
    "message.cancelled": _("Message cancelled"),
    "message.deleted": _("Message deleted"),
    "message.released": _("Message released"),
    "message.retried": _("Message retried"),
    "retention.run": _("Retention run by hand"),
    "schedule.run": _("Periodic task run by hand"),
    "settings.changed": _("Settings changed"),
    "suppression.added": _("Suppression added"),
    "suppression.imported": _("Suppressions imported"),
    "suppression.removed": _("Suppression removed"),
    "template.changed": _("Template changed"),
    "template.created": _("Template created"),
    "template.deleted": _("Template deleted"),
    "template.rolled_back": _("Template taken back to an earlier version"),
    "user.created": _("User created"),
    "user.disabled": _("User disabled"),
    "user.enabled": _("User enabled"),
    "user.other_sessions_ended": _("Signed out everywhere else"),
    "user.password_changed": _("Password changed"),
    "user.password_reset": _("Password reset"),
    "user.recovery_code_used": _("Recovery code used"),
    "user.recovery_codes_made": _("New recovery codes made"),
    "user.removed": _("User removed"),
    "user.role_changed": _("Role changed"),
    "user.second_factor_failed": _("Wrong code at sign-in"),
    "user.second_factor_removed": _("Second factor removed"),
    "user.second_factor_set_up": _("Second factor set up"),
    "user.session_ended": _("Signed out of one browser"),
    "user.sign_in_failed": _("Sign-in refused"),
    "user.signed_in": _("Signed in"),
    "user.signed_out": _("Signed out everywhere"),
    "webhook.changed": _("Webhook endpoint changed"),
    "webhook.created": _("Webhook endpoint created"),
    "webhook.deleted": _("Webhook endpoint deleted"),
    "webhook.paused": _("Webhook endpoint paused"),
    "webhook.replayed": _("Webhooks sent again"),
    "webhook.resumed": _("Webhook endpoint resumed"),
    "webhook.secret_replaced": _("Secret of a webhook endpoint replaced"),
    "webhook.tested": _("Webhook endpoint tested"),
}
NOUNS = {
    "account": _("Sender accounts"),
    "alerts": _("Alerts"),
    "attachment": _("Attachments"),
    "backup": _("Backups"),
    "box": _("This box"),
    "encryption_key": _("Encryption key"),
    "first_run": _("First steps"),
    "job": _("Jobs"),
    "key": _("API keys"),
    "mailbox": _("Mailbox"),
    "message": _("Messages"),
    "retention": _("Retention"),
    "schedule": _("Schedules"),
    "settings": _("Settings"),
    "suppression": _("Suppressions"),
    "template": _("Templates"),
    "user": _("Users"),
    "webhook": _("Webhooks"),
}
LABELS = {
    "account": _("Sender account"),
    "action": _("Action"),
    "active": _("In use"),
    "address": _("Address"),
    "allowed_accounts": _("Sender accounts it may use"),
    "allowed_from": _("Addresses it may send from"),
    "api_key_id": _("API key"),
    "backup_made_at": _("Backup of"),
    "by_version": _("Version"),
    "changed": _("Changed"),
    "count": _("How many"),
    "daily_limit": _("Messages a day"),
    "description": _("Description"),
    "email": _("Address"),
    "error": _("Error"),
    "events": _("It is told of"),
    "expires_at": _("Expires"),
    "filename": _("File"),
    "filter": _("Filter"),
    "first": _("First user"),
    "host": _("Server"),
    "ids": _("Selected"),
    "imported": _("Imported"),
    "key": _("API key"),
    "kind": _("Kind"),
    "message": _("Message"),
    "metadata": _("Metadata"),
    "name": _("Name"),
    "ok": _("It works"),
    "password": _("Password"),
    "port": _("Port"),
    "priorities": _("Priorities"),
    "priority": _("Priority"),
    "public_url": _("Public address"),
    "q": _("Subject or id"),
    "reason": _("Reason"),
    "recipient": _("Recipient"),
    "refused": _("Left out"),
    "release": _("Release"),
    "requests_per_minute": _("Requests a minute"),
    "role": _("Role"),
    "scopes": _("Scopes"),
    "secrets": _("Secrets"),
    "security": _("Encryption"),
    "sessions": _("Browsers"),
    "since": _("Since"),
    "size": _("Size"),
    "skipped": _("Left as they were"),
    "slug": _("Slug"),
    "status": _("State"),
    "stopped": _("Messages stopped"),
    "subject": _("In the subject"),
    "suppression": _("Suppression"),
    "tag": _("Tag"),
    "template": _("Template"),
    "timezone": _("Time zone"),
    "to": _("To"),
    "total": _("Messages"),
    "transport": _("Sends through"),
    "type": _("Event"),
    "until": _("Until"),
    "up": _("Used earlier"),
    "url": _("URL"),
    "username": _("Username"),
    "version": _("Version"),
    "waits": _("What waits"),
    "was": _("State before"),
    "webhook": _("Endpoint"),
}
OF_ONE_ACTION = {("template.rolled_back", "to"): _("Back to version")}
"""Labels of names that mean something else there."""
COMPARING = frozenset({"account.changed", "key.changed", "settings.changed", "user.role_changed"})
"""Actions that tell of a thing what it was before, and what it is."""


def title(action: str) -> str:
    """The action itself where an earlier version wrote one that there is no longer."""
    return str(ACTIONS.get(action, action))


def noun_title(noun: str) -> str:
    return str(NOUNS.get(noun, noun))


def label(action: str, name: str) -> str:
    """Empty: there is no word for it."""
    return str(OF_ONE_ACTION.get((action, name)) or LABELS.get(name, ""))


def compares(action: str, value: object) -> bool:
    """Whether `value` is a pair of before and after."""
    return action in COMPARING and isinstance(value, list) and len(value) == 2


def moment(text: object) -> datetime | None:
    """None: it tells no moment."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
