"""What a training asks of SLURM, and the script that says it: the templates in experiments/slurm, filled in."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import UserError

TEMPLATES = Path(__file__).parent / "slurm"
BLANK = re.compile(r"(?<!\$)\{(\w+)\}")
"""Braces of a template; a shell's ${VARIABLE} is none."""
PLAIN_PATH = re.compile(r"[\w./+=,@-]+")
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Resources:
    """What a job asks of the cluster."""

    nodes: int
    gpus_per_node: int
    tasks_per_node: int
    """Processes; as many as there are GPUs, where there are any."""
    cpus_per_task: int
    time: str
    signal_seconds: int
    """Before the end."""
    partition: str | None = None
    account: str | None = None
    memory: str | None = None
    """Of each node."""

    @property
    def processes(self) -> int:
        return self.nodes * self.tasks_per_node

    @property
    def accelerator(self) -> str:
        return "gpu" if self.gpus_per_node else "cpu"


@dataclass(frozen=True)
class Submission:
    """A training, or one for each seed of an array, as SLURM shall run it."""

    resources: Resources
    configurations: tuple[Path, ...]
    run: Path
    """Folder of the run; of an array, what the runs' folders begin with."""
    words: tuple[str, ...] = ()
    """More words for `threefold fit`."""
    array: str | None = None

    @property
    def runs(self) -> tuple[Path, ...]:
        """The folder of every run that starts."""
        if self.array is None:
            return (self.run,)
        return tuple(self.run.with_name(f"{self.run.name}-seed{seed}") for seed in seeds_of(self.array))


def script_of(submission: Submission) -> str:
    """The text for `sbatch`.

    Raises:
        UserError: a run's folder that a line of options cannot name.
    """
    run, resources = submission.run, submission.resources
    if not PLAIN_PATH.fullmatch(str(run)):
        raise UserError(
            f"--run {str(run)!r} holds characters that SLURM reads in its own way; take letters, digits and "
            "any of . / _ + = , @ -"
        )
    options = {
        "gpus-per-node": resources.gpus_per_node or None,
        "mem": resources.memory,
        "partition": resources.partition,
        "account": resources.account,
    }
    entries = {
        **{name: getattr(resources, name) for name in ("nodes", "tasks_per_node", "cpus_per_task", "time")},
        "signal_seconds": resources.signal_seconds,
        "more_options": "\n".join(f"#SBATCH --{name}={value}" for name, value in options.items() if value is not None),
        "array": submission.array,
        "name": f"fit-{run.name}",
        "run": run,
        "python": shlex.quote(sys.executable),
        "configurations": " ".join(f"--config {shlex.quote(str(path))}" for path in submission.configurations),
        "accelerator": resources.accelerator,
        "words": shlex.join(submission.words),
    }
    template = (TEMPLATES / ("fit.sbatch" if submission.array is None else "seeds.sbatch")).read_text()
    filled = BLANK.sub(lambda blank: str(entries[blank[1]]), template)
    return "\n".join(line for line in filled.splitlines() if line) + "\n"


def seconds_of(time: str) -> int:
    """Of a time limit as SLURM writes it: minutes, minutes:seconds, hours:minutes:seconds, days-hours, …

    Raises:
        UserError: it is written otherwise.
    """
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", time)
    if found is None:
        raise UserError(
            f"--time {time} is no time; give hours:minutes:seconds, such as 4:00:00, or 2-12 for days-hours"
        )
    days, first, second, third = (None if part is None else int(part) for part in found.groups())
    if days is not None:
        return ((days * 24 + (first or 0)) * 60 + (second or 0)) * 60 + (third or 0)
    if third is not None:
        return ((first or 0) * 60 + (second or 0)) * 60 + third
    return (first or 0) * 60 + (second or 0)


def seeds_of(array: str) -> tuple[int, ...]:
    """The task numbers of an array as SLURM writes it: 0-4, 1,3,7, 0-10:2, each with %2 behind for two at a time.

    Raises:
        UserError: it is written otherwise.
    """
    members, _, at_once = array.partition("%")
    seeds: list[int] = []
    for member in members.split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", member)
        if found is None or ("%" in array and not re.fullmatch(r"[1-9]\d*", at_once)):
            raise UserError(f"--array {array} is no array of seeds; give 0-4, or 0-4%2 for two at a time, or 1,3,7")
        first, last, step = int(found[1]), int(found[2] or found[1]), int(found[3] or 1)
        seeds += range(first, last + 1, max(step, 1))
    if not seeds or len(set(seeds)) != len(seeds) or len(seeds) > MOST_SEEDS:
        raise UserError(f"--array {array} holds {len(seeds)} seeds, of which {len(set(seeds))} differ; give 0-4")
    return tuple(seeds)
