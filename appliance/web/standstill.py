"""Whether this box sends anything at all at the moment, for the explanations of messages that wait."""

from appliance.health import Status
from appliance.language import gettext
from appliance.web.context import web

NEEDED = ("dispatcher", "worker")


def reason() -> str:
    """Why nothing goes out, as the end of a sentence with the remedy; empty while things go on."""
    trouble = web().services.storage.trouble()
    if trouble:
        return f"{trouble[:1].lower()}{trouble[1:]}"
    for part in web().telemetry.health():
        if part.name in NEEDED and part.status in (Status.FAILED, Status.STOPPED):
            because = f" ({part.detail.rstrip('.')})" if part.detail else ""
            return gettext(
                "the %(part)s does not run%(because)s. Whoever runs the appliance finds more under Status.",
                part=part.name,
                because=because,
            )
    return ""
