"""Endpoints: create, change, pause, resume, replace the secret, delete."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.models import AuditEntry, WebhookEndpoint
from appliance.db.queries import webhooks
from appliance.db.types import new_id
from appliance.errors import NotFound, WrongState
from appliance.language import gettext
from appliance.sentences import kept
from appliance.services import audit
from appliance.services.permission import Permission, needs
from appliance.services.webhook_form import EndpointForm, UrlRules, check
from appliance.webhooks import signature

OVERLAP = timedelta(hours=24)
"""How long the secret before the present one signs as well."""
BY_HAND = kept("Paused by hand.")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """Of the endpoint `id`. It is shown once."""

    id: str
    secret: str


class WebhookEndpoints:
    """`api_key_id` of every method: whose endpoints it is about; None: whoever manages the box, who sees all."""

    def __init__(self, database: Database, vault: Vault, rules: UrlRules, *, most: int, clock: Clock) -> None:
        """`most`: endpoints, so that an event is not copied without bounds."""
        self._database = database
        self._vault = vault
        self._rules = rules
        self._most = most
        self._clock = clock

    @needs(Permission.ADMINISTER)
    def require_right(self, form: EndpointForm) -> None:
        """Raises InvalidInput with every wrong field."""
        check(form, self._rules)

    @needs(Permission.ADMINISTER)
    def create(self, form: EndpointForm, *, api_key_id: str | None = None) -> NewSecret:
        """Raises InvalidInput with every wrong field, WrongState when there are too many."""
        form = check(form, self._rules)
        made = NewSecret(new_id("whk"), signature.new_secret())
        now, encrypted = self._clock(), self._vault.encrypt(made.secret)
        row = audit.entry("webhook.created", made.id, {"url": form.url, "events": list(form.events)}, now)

        def write(session: Session) -> None:
            if webhooks.count(session) >= self._most:
                raise WrongState(
                    gettext("There are %(most)s endpoints already; delete one that is not needed.", most=self._most)
                )
            session.add(_new(made.id, form, api_key_id, encrypted, now))
            AuditEntry.note(session, row)

        self._database.write(write)
        return made

    @needs(Permission.ADMINISTER)
    def change(self, endpoint_id: str, changes: Mapping[str, Any], *, api_key_id: str | None = None) -> None:
        """Sets the given fields of `EndpointForm`. Raises NotFound, InvalidInput."""
        now = self._clock()
        row = audit.entry("webhook.changed", endpoint_id, {}, now)

        def write(session: Session) -> None:
            endpoint = _existing(session, endpoint_id, api_key_id)
            present = {name: getattr(endpoint, name) for name in EndpointForm.__slots__}
            form = check(EndpointForm(**(present | dict(changes))), self._rules)
            changed = {name: value for name, value in _values(form).items() if value != present[name]}
            for name, value in changed.items():
                setattr(endpoint, name, value)
            endpoint.updated_at = now
            AuditEntry.note(session, row | {"detail": changed})

        self._database.write(write)

    @needs(Permission.ADMINISTER)
    def pause(self, endpoint_id: str, *, api_key_id: str | None = None) -> None:
        """What happens from now on is kept for it for a day. Pausing twice changes nothing. Raises NotFound."""
        now = self._clock()
        row = audit.entry("webhook.paused", endpoint_id, {}, now)

        def write(session: Session) -> None:
            endpoint = _existing(session, endpoint_id, api_key_id)
            if WebhookEndpoint.pause(session, endpoint_id, reason=BY_HAND, now=now):
                AuditEntry.note(session, row | {"detail": {"url": endpoint.url}})

        self._database.write(write)

    @needs(Permission.ADMINISTER)
    def resume(self, endpoint_id: str, *, api_key_id: str | None = None) -> None:
        """What waited for it goes out. Resuming twice changes nothing. Raises NotFound."""
        row = audit.entry("webhook.resumed", endpoint_id, {}, self._clock())

        def write(session: Session) -> None:
            endpoint = _existing(session, endpoint_id, api_key_id)
            if WebhookEndpoint.resume(session, endpoint_id):
                AuditEntry.note(session, row | {"detail": {"url": endpoint.url}})

        self._database.write(write)

    @needs(Permission.ADMINISTER)
    def replace_secret(self, endpoint_id: str, *, api_key_id: str | None = None) -> NewSecret:
        """Both secrets sign for a day, so that a receiver can change over in its own time. Raises NotFound."""
        made = NewSecret(endpoint_id, signature.new_secret())
        now, encrypted = self._clock(), self._vault.encrypt(made.secret)
        row = audit.entry("webhook.secret_replaced", endpoint_id, {}, now)

        def write(session: Session) -> None:
            endpoint = _existing(session, endpoint_id, api_key_id)
            endpoint.previous_secret_encrypted, endpoint.secret_encrypted = endpoint.secret_encrypted, encrypted
            endpoint.previous_secret_until, endpoint.updated_at = now + OVERLAP, now
            AuditEntry.note(session, row | {"detail": {"url": endpoint.url}})

        self._database.write(write)
        return made

    @needs(Permission.ADMINISTER)
    def delete(self, endpoint_id: str, *, api_key_id: str | None = None) -> None:
        """At once it is told nothing more; its log goes with the next clean-up. Raises NotFound."""
        now = self._clock()
        row = audit.entry("webhook.deleted", endpoint_id, {}, now)

        def write(session: Session) -> None:
            endpoint = _existing(session, endpoint_id, api_key_id)
            endpoint.deleted_at, endpoint.active = now, False
            endpoint.secret_encrypted = endpoint.previous_secret_encrypted = ""
            AuditEntry.note(session, row | {"detail": {"url": endpoint.url}})

        self._database.write(write)


def _new(
    endpoint_id: str, form: EndpointForm, api_key_id: str | None, encrypted: str, now: datetime
) -> WebhookEndpoint:
    values = _values(form) | {"api_key_id": api_key_id, "secret_encrypted": encrypted}
    return WebhookEndpoint(id=endpoint_id, created_at=now, updated_at=now, **values)


def _values(form: EndpointForm) -> dict[str, Any]:
    return {"url": form.url, "description": form.description, "events": list(form.events)}


def _existing(session: Session, endpoint_id: str, api_key_id: str | None) -> WebhookEndpoint:
    endpoint = webhooks.one(session, endpoint_id, api_key_id)
    if endpoint is None:
        raise NotFound("webhook", endpoint_id)
    return endpoint
