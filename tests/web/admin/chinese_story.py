"""A box with something of everything on it, of which people and servers speak Chinese alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from itertools import product

from sqlalchemy.orm import Session

from appliance.bootstrap import Core
from appliance.clock import utc_now
from appliance.db.models import Alert, AuditEntry, Job, WebhookDelivery
from appliance.db.models.alert import AlertKind
from appliance.db.models.base import insert_rows
from appliance.db.models.delivery_attempt import AttemptOutcome
from appliance.db.models.job import JobState
from appliance.db.models.message import MessageStatus, Reason
from appliance.db.models.sender_account import BUILT_IN_MAILBOX_ID
from appliance.db.models.suppression import SuppressionSource
from appliance.db.models.webhook_delivery import DeliveryState
from appliance.db.queries import mailbox
from appliance.db.types import new_id
from appliance.mail.transport import Envelope
from appliance.services import audit, webhook_fanout
from appliance.services.template_form import TemplateForm
from appliance.services.template_variables import Variable
from appliance.services.webhook_form import EndpointForm
from appliance.web.admin import audit_words
from tests.factories import add_account, add_attempt, add_message
from tests.services.test_alert_words import FACTS

SAID = "你好"
"""What everybody here says."""
ADDRESS = "a@xn--fsqu00a.com"
OTHER_ADDRESS = "b@xn--fsqu00a.com"
SLUG = "fp"
JOB_KINDS = (
    *("messages.retry", "messages.release", "messages.cancel", "messages.delete"),
    *("suppression.release", "box.resume"),
)
WAITING_UNTIL = (MessageStatus.SCHEDULED, MessageStatus.DEFERRED, MessageStatus.HELD)
FOR_A_REASON = (MessageStatus.DEFERRED, MessageStatus.HELD, MessageStatus.FAILED, MessageStatus.PARTIALLY_SENT)
Ids = Mapping[str, Sequence[str]]


def tell(core: Core) -> Ids:
    """Returns what there is for each argument of an address."""
    now, services, write = utc_now(), core.services, core.database.write
    accounts = write(lambda session: _accounts(session, now))
    services.templates.create(SLUG, _template(SAID), author=SAID)
    services.templates.change(SLUG, _template(SAID * 2), author=SAID, reason=SAID)
    key = services.api_keys.create(SAID, ["send", "read", "manage"]).id
    services.api_keys.disable(services.api_keys.create(SAID, ["send"]).id)
    stopped = services.suppressions.add(ADDRESS, SAID, source=SuppressionSource.MANUAL)
    later = now + timedelta(days=3)
    services.suppressions.add(OTHER_ADDRESS, SAID, source=SuppressionSource.REFUSAL, expires_at=later)
    attachment = services.attachments.upload(f"{SAID}.txt", "text/plain", SAID.encode(), None)
    hooked = services.webhook_endpoints.create(
        EndpointForm("https://1.1.1.1/", SAID, ("message.*", "account.broken"))
    ).id
    _keep(core)
    write(lambda session: _alerts(session, accounts[0], now))
    with core.database.read() as session:
        mail = mailbox.page(session)[0][0].id
    return {
        "account_id": [*accounts, BUILT_IN_MAILBOX_ID],
        "message_id": write(lambda session: _messages(session, accounts[0], now)),
        "slug": [SLUG],
        "key_id": [key],
        "webhook_id": [hooked],
        "delivery_id": write(lambda session: _deliveries(session, hooked, now)),
        "job_id": write(lambda session: _jobs(session, now)),
        "mail_id": [mail],
        "entry_id": write(lambda session: _audit(session, now)),
        "user_id": ["usr_alice"],
        "suppression_id": [stopped],
        "attachment_id": [attachment],
    }


def _template(text: str) -> TemplateForm:
    variables = (Variable("x", example=SAID, description=SAID),)
    return TemplateForm(SAID, text, f"<p>{text} {{{{ x }}}}</p>", f"{text} {{{{ x }}}}", variables)


def _accounts(session: Session, now: datetime) -> list[str]:
    looks: list[dict[str, object]] = [
        {"daily_limit": 40},
        {"active": False},
        {"breaker_until": now + timedelta(hours=1), "breaker_failures": 3, "last_error": SAID, "last_error_at": now},
        {"count_date": f"{now:%Y-%m-%d}", "count": 5, "daily_limit": 5},
    ]
    who = {"name": SAID, "email": ADDRESS, "host": "1.1.1.1", "username": SAID}
    return [add_account(session, **who, **one) for one in looks]


def _messages(session: Session, account: str, now: datetime) -> list[str]:
    """In every state, and for every reason that there can be for one."""
    made = []
    reasons = {status: list(Reason) if status in FOR_A_REASON else [""] for status in MessageStatus}
    for status, reason in ((status, reason) for status, some in reasons.items() for reason in some):
        due = now + timedelta(minutes=9) if status in WAITING_UNTIL else None
        look = {"status": status, "reason": reason, "detail": SAID, "due_at": due, "attempts": 1}
        made.append(add_message(session, ADDRESS, **look, subject=SAID, tags=[SAID], created_at=now))
    for number, outcome in enumerate(AttemptOutcome, 1):
        told = {"reply_code": 451, "reply_text": SAID, "stage": "RCPT", "duration_ms": 42, "account_name": SAID}
        add_attempt(session, made[0], number=number, outcome=outcome, account_id=account, started_at=now, **told)
    return made


def _deliveries(session: Session, endpoint: str, now: datetime) -> list[str]:
    rows = [
        webhook_fanout.row(endpoint, "message.sent", "{}", now) | {"state": state, "last_error": SAID}
        for state in DeliveryState
    ]
    insert_rows(session, WebhookDelivery, *rows)
    return [str(row["id"]) for row in rows]


def _jobs(session: Session, now: datetime) -> list[str]:
    about = {"action": "retry", "filter": {"status": ["failed"]}, "ids": None, "newest": "", "waits": "hold"}
    actor = {"kind": "user", "id": "usr_alice", "name": SAID, "address": "", "request_id": "", "role": None}
    fixed = {"parameters": about, "total": 4, "created_by": "usr_alice", "actor": actor, "created_at": now}
    ids = [new_id("job") for _ in product(JOB_KINDS, JobState)]
    for job_id, (kind, state) in zip(ids, product(JOB_KINDS, JobState), strict=True):
        look = {"kind": kind, "state": state, "error": SAID if state == JobState.FAILED else ""}
        insert_rows(session, Job, {"id": job_id, **fixed, **look})
    return ids


def _alerts(session: Session, account: str, now: datetime) -> None:
    for kind in AlertKind:
        facts = {
            name: SAID if isinstance(fact, str) and audit_words.moment(fact) is None else fact
            for name, fact in FACTS[kind].items()
        }
        told = {"subject": account, "facts": facts, "clear_seconds": 300, "trouble": SAID}
        for cleared_at in (None, now):
            insert_rows(
                session, Alert, {"id": new_id("alr"), "kind": kind, "raised_at": now, "cleared_at": cleared_at, **told}
            )


def _audit(session: Session, now: datetime) -> list[str]:
    """One entry of each action, with every detail that there is."""
    detail = dict.fromkeys(audit_words.LABELS, SAID) | {
        "role": "viewer",
        "was": "sent",
        "waits": "send",
        "active": True,
    }
    rows = [audit.entry(action, SAID, detail, now) for action in audit_words.ACTIONS]
    for row in rows:
        AuditEntry.note(session, row)
    return [str(row["id"]) for row in rows]


def _keep(core: Core) -> None:
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = SAID, ADDRESS, OTHER_ADDRESS
    letter.set_content(SAID)
    core.services.mailbox.keep(
        BUILT_IN_MAILBOX_ID, Envelope(ADDRESS, (OTHER_ADDRESS,), letter.as_bytes(), "<1@x>", SAID)
    )
