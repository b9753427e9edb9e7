"""Which SLURM job a run's folder belongs to: RUN/slurm.json, with every start."""

from datetime import UTC, datetime
from pathlib import Path

from lightning_modules.callbacks.provenance import read_json, replace_entry
from lightning_modules.slurm_job import current_job

FILE = "slurm.json"


def record_start(run: Path) -> None:
    """Notes when and where the job started; nothing outside of SLURM."""
    job = current_job()
    if job is None:
        return
    starts = read_json(run / FILE).get(job.name, {})
    started = datetime.now(UTC).isoformat(timespec="seconds")
    replace_entry(run / FILE, job.name, {**starts, str(job.restarts): {"started": started, "nodes": job.nodes}})
