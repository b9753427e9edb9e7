"""What SLURM says of the job that this process belongs to, and the plea to start it again. Imports nothing heavy."""

import os
import subprocess
from typing import NamedTuple

INTERACTIVE_NAMES = ("bash", "interactive")
"""Names of jobs in which a person types; the training library looks at them, too."""
PATIENCE_SECONDS = 60


class SlurmJob(NamedTuple):
    name: str
    """As `scontrol` takes it: 4711, or 4711_3 for task 3 of an array."""
    restarts: int
    """How often SLURM has started it again."""
    nodes: str


def current_job() -> SlurmJob | None:
    """The job of this process; None outside of SLURM and in an interactive allocation."""
    number = os.environ.get("SLURM_JOB_ID")
    if number is None or "SLURM_NTASKS" not in os.environ or os.environ.get("SLURM_JOB_NAME") in INTERACTIVE_NAMES:
        return None
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    name = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else number
    nodes = os.environ.get("SLURM_JOB_NODELIST") or os.environ.get("SLURM_NODELIST", "")
    return SlurmJob(name, int(os.environ.get("SLURM_RESTART_COUNT", 0)), nodes)


def requeue(job: SlurmJob) -> None:
    """Asks SLURM to start the job again; it may end this process at once.

    Raises:
        ValueError: SLURM refuses, or cannot be asked.
    """
    try:
        done = subprocess.run(
            ["scontrol", "requeue", job.name], capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        refusal = str(error)
    else:
        if done.returncode == 0:
            return
        refusal = done.stderr or done.stdout or f"exit status {done.returncode}"
    raise ValueError(
        f"SLURM did not requeue job {job.name} ({' '.join(refusal.split())}), but the checkpoint is saved: go on with "
        "the same command and --ckpt_path last"
    )
