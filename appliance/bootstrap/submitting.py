"""Builds what takes messages in: one or many, tried without sending, and the templates that they are made of."""

from typing import TypedDict

from appliance.bootstrap.ground import Ground
from appliance.services.batch import BatchSubmission
from appliance.services.capacity import Capacity
from appliance.services.dry_run import DryRun
from appliance.services.outbox import Outbox
from appliance.services.submission import Submission
from appliance.services.template_preview import TemplatePreview
from appliance.services.template_rendering import TemplateRendering
from appliance.services.templates import Templates


class Submitting(TypedDict):
    """Named as in `Services`."""

    submission: Submission
    batches: BatchSubmission
    dry_run: DryRun
    templates: Templates
    template_rendering: TemplateRendering
    template_preview: TemplatePreview


def build_submitting(ground: Ground, outbox: Outbox, capacity: Capacity) -> Submitting:
    limits, run_native = ground.settings.limits, ground.run_native
    rendering = TemplateRendering(ground.database, limits, run_native=run_native)
    return Submitting(
        submission=_submission(ground, outbox, rendering, capacity),
        batches=_batches(ground, outbox, capacity),
        dry_run=_dry_run(ground),
        templates=Templates(ground.database, limits, run_native=run_native, clock=ground.clock),
        template_rendering=rendering,
        template_preview=TemplatePreview(limits, run_native=run_native),
    )


def _submission(ground: Ground, outbox: Outbox, rendering: TemplateRendering, capacity: Capacity) -> Submission:
    return Submission(
        ground.database,
        outbox,
        hostname=ground.hostname,
        clock=ground.clock,
        zone=ground.zone,
        fill=rendering.fill,
        room=capacity.room,
    )


def _batches(ground: Ground, outbox: Outbox, capacity: Capacity) -> BatchSubmission:
    return BatchSubmission(
        ground.database,
        outbox,
        hostname=ground.hostname,
        clock=ground.clock,
        zone=ground.zone,
        room=capacity.room,
    )


def _dry_run(ground: Ground) -> DryRun:
    return DryRun(
        ground.database,
        ground.files,
        run_native=ground.run_native,
        hostname=ground.hostname,
        zone=ground.zone,
        clock=ground.clock,
    )
