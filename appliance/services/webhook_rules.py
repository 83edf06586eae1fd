"""What the configuration allows of webhooks, in the form that the code that sends them takes."""

import ssl

from appliance.config.webhook_settings import WebhookSettings
from appliance.db.write import RunNative
from appliance.services.webhook_form import UrlRules
from appliance.webhooks.connection import Resolve, system_resolve
from appliance.webhooks.network import NetworkPolicy
from appliance.webhooks.post import Rules


def policy_of(settings: WebhookSettings) -> NetworkPolicy:
    return NetworkPolicy.of(allow_private=settings.allow_private, networks=settings.allow_networks)


def url_rules(settings: WebhookSettings) -> UrlRules:
    return UrlRules(policy_of(settings), settings.allow_http)


class RulesOfSending:
    """Made when the first webhook goes out: reading the certificates of all authorities takes a while."""

    def __init__(self, settings: WebhookSettings, run_native: RunNative, resolve: Resolve = system_resolve) -> None:
        self._settings = settings
        self._run_native = run_native
        self._resolve = resolve
        self._made: Rules | None = None

    def __call__(self) -> Rules:
        if self._made is None:
            context: ssl.SSLContext = self._run_native(ssl.create_default_context)
            policy, settings = policy_of(self._settings), self._settings
            self._made = Rules(policy, context, settings.timeout_seconds, settings.allow_http, self._resolve)
        return self._made
