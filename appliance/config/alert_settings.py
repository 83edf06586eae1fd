"""The settings of [alerts]."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from appliance.config.values import Addresses, Count, PositiveInt, Seconds, Secret, Section


def _with_a_domain(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        if "@" not in address.strip("@"):
            raise ValueError("no address of a mailbox")
    return addresses


Mailboxes = Annotated[Addresses, AfterValidator(_with_a_domain)]


def kind_of(url: str) -> str:
    """What may be shown of a URL of Apprise: the rest is a secret, and so is all of one that has no kind."""
    kind, there_is_one, _ = url.partition("://")
    return f"{kind}://…" if there_is_one else "…"


class AlertSettings(Section):
    email: Mailboxes = Field(
        (),
        description="Who is told by e-mail when something needs a person, separated by spaces. The appliance sends it "
        "itself, so give urls as well: mail may be what is broken.",
    )
    urls: Secret = Field(
        SecretStr(""),
        description="Where else it is told, separated by spaces: URLs of Apprise, such as ntfys://ntfy.sh/topic, "
        "slack://... or json://host/path.",
    )
    raise_seconds: Seconds = Field(120, description="Something is an alert when it has lasted this long.")
    clear_seconds: Seconds = Field(
        300,
        description="An alert is over when nothing was seen of it for this long; an hour, if it came back within one.",
    )
    remind_hours: Count = Field(24, description="An alert that goes on is told of again after this long; 0: never.")
    failure_percent: Count = Field(
        20, description="So many of the messages that ended within an hour or two have failed; 0: no alert."
    )
    failure_messages: PositiveInt = Field(20, description="With fewer messages than this the failures are no alert.")
    queue_minutes: Count = Field(15, description="A message that is due has waited this long; 0: no alert.")
    webhook_minutes: Count = Field(
        30, description="A webhook endpoint has accepted nothing for this long, or was paused for it; 0: no alert."
    )
    disk_free_mb: Count = Field(
        1000, description="The disk of the data directory has less free space than this; 0: no alert."
    )
    certificate_days: Count = Field(
        14, description="The certificate of an SMTP server is valid for fewer days than this; 0: no alert."
    )
    timeout_seconds: Seconds = Field(30, description="Telling urls of an alert may take this long.")
