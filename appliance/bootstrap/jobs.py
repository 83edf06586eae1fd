"""Builds what is done to many messages at once, in the background, and what asks for it."""

from collections.abc import Mapping
from typing import TypedDict

from appliance.bootstrap.ground import Ground
from appliance.db.models.message_sets import SetAction
from appliance.services.box import KIND as BOX_RESUME
from appliance.services.box import Box
from appliance.services.bulk import Bulk, kind_of
from appliance.services.job_runs import JobRuns, Work
from appliance.services.jobs import Jobs
from appliance.services.outbox import Outbox
from appliance.services.suppression_release import KIND as SUPPRESSION_RELEASE
from appliance.services.suppression_release import SuppressionRelease
from appliance.services.suppressions import Suppressions


class JobServices(TypedDict):
    """Named as in `Services`."""

    jobs: Jobs
    job_runs: JobRuns
    bulk: Bulk
    suppressions: Suppressions
    box: Box


def build_jobs(ground: Ground, outbox: Outbox) -> JobServices:
    database, clock = ground.database, ground.clock
    jobs = Jobs(database, clock=clock)
    bulk = Bulk(database, jobs, on_due=outbox.notify, clock=clock)
    release = SuppressionRelease(database, jobs, on_due=outbox.notify, clock=clock)
    box = Box(database, jobs, on_due=outbox.notify, clock=clock)
    return JobServices(
        jobs=jobs,
        job_runs=JobRuns(database, jobs, _works(bulk, release, box), clock=clock),
        bulk=bulk,
        suppressions=Suppressions(database, release, run_native=ground.run_native, clock=clock),
        box=box,
    )


def _works(bulk: Bulk, release: SuppressionRelease, box: Box) -> Mapping[str, Work]:
    """By kind of job."""
    return {**dict.fromkeys(map(kind_of, SetAction), bulk), SUPPRESSION_RELEASE: release, BOX_RESUME: box}
