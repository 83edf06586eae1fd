"""Builds what keeps things: the files of attachments, the room for them, how long they stay, and copies of all."""

from dataclasses import dataclass
from typing import TypedDict

from appliance.bootstrap.backups import build_backups
from appliance.bootstrap.ground import Ground
from appliance.db.space import DatabaseSpace
from appliance.services.attachment_cleanup import AttachmentCleanup
from appliance.services.attachments import Attachments
from appliance.services.backups import Backups
from appliance.services.capacity import Capacity
from appliance.services.retention import Retention
from appliance.services.storage import Storage


class KeepingServices(TypedDict):
    """Named as in `Services`."""

    attachments: Attachments
    backups: Backups
    capacity: Capacity
    retention: Retention
    storage: Storage


@dataclass(frozen=True, slots=True)
class Keeping:
    services: KeepingServices
    attachment_cleanup: AttachmentCleanup


def build_keeping(ground: Ground) -> Keeping:
    capacity = Capacity(ground.database, ground.settings.capacity, ground.data_dir.free_bytes)
    cleanup = AttachmentCleanup(ground.database, ground.files, run_native=ground.run_native, clock=ground.clock)
    services = KeepingServices(
        attachments=_attachments(ground, capacity),
        backups=build_backups(ground.settings, ground.data_dir, ground.database),
        capacity=capacity,
        retention=_retention(ground, cleanup),
        storage=Storage(ground.database, clock=ground.clock),
    )
    return Keeping(services, cleanup)


def _attachments(ground: Ground, capacity: Capacity) -> Attachments:
    return Attachments(
        ground.database,
        ground.files,
        ground.settings.limits,
        run_native=ground.run_native,
        clock=ground.clock,
        require_disk=capacity.require_disk,
    )


def _retention(ground: Ground, cleanup: AttachmentCleanup) -> Retention:
    return Retention(
        ground.database,
        DatabaseSpace(ground.database, ground.run_native),
        ground.settings.retention,
        remove_files=cleanup.remove_files,
        clock=ground.clock,
    )
