"""What kinds of values settings have, each with the words that an error message names it by."""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from appliance.config import cron


@dataclass(frozen=True)
class Expects:
    """How an error message names the values that a field takes."""

    text: str


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("unknown time zone") from error
    return name


def _known_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(ip_network(network)) for network in networks)


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in value.replace(",", " ").split() if part)
    return value


Port = Annotated[int, Field(ge=0, le=65535), Expects("a port number from 0 to 65535")]
PositiveInt = Annotated[int, Field(gt=0), Expects("a positive integer")]
Count = Annotated[int, Field(ge=0), Expects("a whole number, 0 or more")]
Seconds = Annotated[float, Field(gt=0), Expects("a number of seconds above 0")]
Hours = Annotated[float, Field(gt=0), Expects("a number of hours above 0")]
Switch = Annotated[bool, Expects("true or false")]
Text = Annotated[str, Expects("text")]
Zone = Annotated[str, AfterValidator(_known_zone), Expects("an IANA time zone such as Europe/Berlin or Asia/Shanghai")]
Cron = Annotated[str, AfterValidator(cron.normalized), Expects("a cron expression of five fields such as '0 3 * * *'")]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_split), Expects("addresses separated by spaces")]
Networks = Annotated[
    tuple[str, ...],
    BeforeValidator(_split),
    AfterValidator(_known_networks),
    Expects("networks such as '10.1.0.0/16 fd00:1::/64'"),
]
Types = Annotated[
    tuple[Annotated[str, Field(pattern=r"^(\*|[a-z0-9]+/[a-z0-9.+-]*\*?)$")], ...],
    BeforeValidator(_split),
    Expects("types such as 'application/pdf image/*', or *"),
]
SecondsList = Annotated[
    tuple[Annotated[int, Field(gt=0)], ...],
    BeforeValidator(_split),
    Field(min_length=1),
    Expects("seconds separated by spaces such as '60 300 600'"),
]
Secret = Annotated[SecretStr, Expects("text")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
