"""What all parts of the core are built on."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from appliance.clock import Clock
from appliance.config.data_dir import DataDirectory
from appliance.config.settings import Settings
from appliance.config.vault import Vault
from appliance.db.database import Database
from appliance.db.write import RunNative
from appliance.mail.smtp_wire import LookUp
from appliance.services.attachment_files import AttachmentFiles


@dataclass(frozen=True, slots=True)
class Ground:
    """`look_up_server` is for SMTP servers, `look_up` for all others."""

    settings: Settings
    data_dir: DataDirectory
    database: Database
    vault: Vault
    files: AttachmentFiles
    box_id: str
    hostname: str
    run_native: RunNative
    look_up_server: LookUp
    look_up: LookUp
    clock: Clock

    @property
    def zone(self) -> ZoneInfo:
        return self.settings.zone
