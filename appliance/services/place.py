"""Time zone and public address, chosen in the browser: the address is in force at once, the zone after a restart."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog

from appliance.clock import Clock
from appliance.config import browser_settings
from appliance.config.settings import ApplianceSettings
from appliance.db.database import Database
from appliance.db.models import AuditEntry
from appliance.db.queries import audit as entries
from appliance.db.write import RunNative
from appliance.errors import FieldError, InvalidInput, StorageUnavailable
from appliance.language import gettext
from appliance.services import audit
from appliance.services.permission import Permission, needs

LONGEST_URL = 200
TIMEZONE = ("appliance", "timezone")
PUBLIC_URL = ("appliance", "public_url")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Of `chosen`: what the next start takes, as far as nothing above it says otherwise."""

    timezone: str
    public_url: str


class Place:
    """`settings` are those that the start found. Only the process that owns `data_dir` may have one."""

    def __init__(
        self, database: Database, settings: ApplianceSettings, data_dir: Path, *, run_native: RunNative, clock: Clock
    ) -> None:
        self._database = database
        self._settings = settings
        self._data_dir = data_dir
        self._run_native = run_native
        self._clock = clock
        self._choosing = threading.Lock()
        self._made: Mapping[tuple[str, str], str] | None = None
        self._public_url = settings.public_url.rstrip("/")

    def settle(self) -> None:
        """What a process that died was about to choose: if it is told of it is chosen, else it is not."""
        try:
            mark = self._run_native(lambda: browser_settings.staged(self._data_dir))
            if mark is not None:
                with self._database.read() as session:
                    is_told = entries.one(session, mark) is not None
                if is_told:
                    self._take()
                else:
                    self._finish(browser_settings.drop_staged)
        except (OSError, StorageUnavailable) as error:  # then the next start does it
            log.warning("a choice of time zone and address could not be settled", reason=str(error))

    def chosen(self) -> Chosen:
        made = self._read()
        return Chosen(
            made.get(TIMEZONE, self._settings.timezone),
            made.get(PUBLIC_URL, self._settings.public_url),
        )

    def in_force(self) -> Chosen:
        """Nothing but links hangs on the address, so it waits for no start; days and schedules hang on the zone."""
        return Chosen(self._settings.timezone, self._public_url)

    def public_url(self) -> str:
        """What links begin with; empty: nobody has said."""
        return self._public_url

    @needs(Permission.ADMINISTER)
    def choose(self, timezone: str, public_url: str) -> None:
        """Told of in the audit whenever it is chosen, and chosen whenever it is told of, also if the process dies here.

        Raises InvalidInput, StorageUnavailable (then nothing is chosen), Forbidden.
        """
        public_url = public_url.strip().rstrip("/")
        if errors := [*_zone_faults(timezone), *_url_faults(public_url)]:
            raise InvalidInput(errors)
        with self._choosing:
            before, after = self.chosen(), Chosen(timezone, public_url)
            if before != after or not self._read():
                self._choose(before, after)

    def _choose(self, before: Chosen, after: Chosen) -> None:
        detail = {
            "timezone": [before.timezone, after.timezone],
            "public_url": [before.public_url, after.public_url],
        }
        row = audit.entry("settings.changed", "appliance", detail, self._clock())
        try:
            self._run_native(lambda: browser_settings.stage(self._data_dir, _values(after), mark=row["id"]))
        except OSError as error:
            raise _not_kept(error) from error
        try:
            self._database.write(lambda session: AuditEntry.note(session, row))
        except StorageUnavailable:
            with suppress(OSError):  # the next start drops it
                self._finish(browser_settings.drop_staged)
            raise
        try:
            self._take()
        except OSError as error:  # the next start takes it
            raise _not_kept(error) from error

    def _take(self) -> None:
        """One that config.ini or the environment fixes is never another one here, and so stays in force."""
        before = self.chosen().public_url
        self._finish(browser_settings.take_staged)
        after = self.chosen().public_url
        if after != before:
            self._public_url = after

    def _finish(self, how: Callable[[Path], None]) -> None:
        self._run_native(lambda: how(self._data_dir))
        self._made = None

    def _read(self) -> Mapping[tuple[str, str], str]:
        """Once for each change: the banner on the overview asks it."""
        if self._made is None:
            self._made = self._run_native(lambda: browser_settings.read(self._data_dir))
        return self._made


def _not_kept(error: OSError) -> StorageUnavailable:
    return StorageUnavailable(gettext("The settings cannot be kept: %(reason)s.", reason=str(error)))


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
