"""Time zone and public address: chosen in the browser, in force from the next start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from appliance.clock import Clock
from appliance.config import browser_settings
from appliance.config.settings import ApplianceSettings
from appliance.db.database import Database
from appliance.db.models import AuditEntry
from appliance.errors import FieldError, InvalidInput, StorageUnavailable
from appliance.language import gettext
from appliance.services import audit
from appliance.services.permission import Permission, needs

LONGEST_URL = 200
TIMEZONE = ("appliance", "timezone")
PUBLIC_URL = ("appliance", "public_url")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the next start takes, as far as nothing above it says otherwise."""

    timezone: str
    public_url: str


class Place:
    """`settings` are those in force."""

    def __init__(self, database: Database, settings: ApplianceSettings, data_dir: Path, *, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._data_dir = data_dir
        self._clock = clock

    def chosen(self) -> Chosen:
        made = browser_settings.read(self._data_dir)
        return Chosen(
            made.get(TIMEZONE, self._settings.timezone),
            made.get(PUBLIC_URL, self._settings.public_url),
        )

    @needs(Permission.ADMINISTER)
    def choose(self, timezone: str, public_url: str) -> None:
        """Raises InvalidInput, StorageUnavailable (the file cannot be written), Forbidden."""
        public_url = public_url.strip().rstrip("/")
        if errors := [*_zone_faults(timezone), *_url_faults(public_url)]:
            raise InvalidInput(errors)
        before, after = self.chosen(), Chosen(timezone, public_url)
        if before == after and browser_settings.read(self._data_dir):
            return
        try:
            browser_settings.write(self._data_dir, _values(after))
        except OSError as error:
            raise StorageUnavailable(gettext("The settings cannot be kept: %(reason)s.", reason=str(error))) from error
        detail = {"timezone": [before.timezone, timezone], "public_url": [before.public_url, public_url]}
        row = audit.entry("settings.changed", "appliance", detail, self._clock())

        def write(session: Session) -> None:
            AuditEntry.note(session, row)

        self._database.write(write)


def _values(chosen: Chosen) -> Mapping[tuple[str, str], str]:
    return {TIMEZONE: chosen.timezone, PUBLIC_URL: chosen.public_url}


def _zone_faults(name: str) -> list[FieldError]:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return [FieldError("timezone", gettext("Choose a time zone from the list, such as Europe/Berlin."))]
    return []


def _url_faults(url: str) -> list[FieldError]:
    if not url:
        return []
    fault = FieldError("public_url", gettext("Give an address such as https://mail.example.com, or leave it empty."))
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it raises where it is none
    except ValueError:
        return [fault]
    plain = url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    right = plain and parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    return [] if right and parts.username is None and not parts.path else [fault]
