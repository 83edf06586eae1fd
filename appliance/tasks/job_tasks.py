"""The task that works on many rows."""

from appliance.tasks.services import BoundTask


def run_job_task(self: BoundTask, job_id: str) -> dict[str, int]:
    """Does a job, or the rest of it. Harmless when run twice: the job is taken once, by compare-and-set."""
    return self.app.services.job_runs.run(job_id)
