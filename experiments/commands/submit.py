"""`threefold submit`: a training handed to SLURM."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.commands.parsing import call
from experiments.errors import UserError
from experiments.slurm_scripts import Resources, Submission, script_of, seconds_of, seeds_of

EARLY_SECONDS = 60
"""SLURM may send the signal so much earlier than it was asked to."""
START_SECONDS = 30
"""To import everything and to take a first step."""
SCRIPT = "job.sbatch"


class Asked(NamedTuple):
    """The command line's options."""

    resources: Resources
    config: tuple[Path, ...]
    run: Path | None
    array: str | None
    dry_run: bool


def asked(
    *,
    time: str,
    config: list[Path] | None = None,
    run: Path | None = None,
    nodes: int = 1,
    gpus_per_node: int = 1,
    tasks_per_node: int | None = None,
    cpus_per_task: int = 4,
    array: str | None = None,
    partition: str | None = None,
    account: str | None = None,
    memory: str | None = None,
    signal_seconds: int = 180,
    dry_run: bool = False,
) -> Asked:
    """Writes a job's script from experiments/slurm, checks it and hands it to sbatch. Words behind a `--` go to the
    training: threefold submit --config A.yaml --nodes 2 --gpus-per-node 4 --time 8:00:00 -- --trainer.max_epochs 100

    Args:
        time: limit of a job, such as 8:00:00 or 2-12; a training that is not done by then goes on in the next one.
        config: files as `threefold fit` takes them.
        run: folder of the run; the configuration's when left out. An array appends -seed0, -seed1, …
        nodes: computers.
        gpus_per_node: of each; every GPU has a process of its own. 0 trains on processors.
        tasks_per_node: processes on each computer, where there are no GPUs.
        cpus_per_task: cores of each process.
        array: of seeds, such as 0-4 or 0-9%3 for three at a time; each has its own job and run.
        partition: of the cluster.
        account: that the time is charged to.
        memory: of each computer, such as 64G.
        signal_seconds: before the end when the training is told to save itself; longer than its longest validation.
        dry_run: print the script and submit nothing.
    """
    for name, value, least in (
        ("nodes", nodes, 1),
        ("gpus-per-node", gpus_per_node, 0),
        ("tasks-per-node", 1 if tasks_per_node is None else tasks_per_node, 1),
        ("cpus-per-task", cpus_per_task, 1),
        ("signal-seconds", signal_seconds, 1),
    ):
        if value < least:
            raise UserError(f"--{name} {value} is too small; give {least} or more")
    if not config:
        raise UserError("submit: no configuration; add --config experiments/configs/FAMILY/NAME.yaml")
    if tasks_per_node is not None and gpus_per_node and tasks_per_node != gpus_per_node:
        raise UserError(
            f"--tasks-per-node {tasks_per_node} and --gpus-per-node {gpus_per_node} do not agree: a process drives one "
            "GPU; leave --tasks-per-node out, or give --gpus-per-node 0 for processors alone"
        )
    least_seconds = signal_seconds + EARLY_SECONDS + START_SECONDS
    if seconds_of(time) < least_seconds:
        raise UserError(
            f"--time {time} is shorter than {least_seconds} s: the signal may come {EARLY_SECONDS} s before the last "
            f"{signal_seconds} s, and starting takes {START_SECONDS} s; give more --time or fewer --signal-seconds"
        )
    if array is not None:
        seeds_of(array)
    tasks = tasks_per_node or max(gpus_per_node, 1)
    where = Resources(nodes, gpus_per_node, tasks, cpus_per_task, time, signal_seconds, partition, account, memory)
    return Asked(where, tuple(config), run, array, dry_run)


def submit(asked: Asked, words: Sequence[str]) -> None:
    """Checks the training against its job, submits it and says what was submitted."""
    settings = configuration_of(asked.config, asked.run, words)
    submission = Submission(asked.resources, asked.config, Path(settings["run"]), tuple(words), asked.array)
    refuse_other_devices(asked.resources, settings["trainer"])
    if asked.dry_run:
        print(script_of(submission), end="")
        return
    if not settings["ckpt_path"]:
        refuse_used_folders(submission.runs)
    print(report(submission, hand_over(submission), settings))


def configuration_of(config: Sequence[Path], run: Path | None, words: Sequence[str]) -> Any:
    """What `threefold fit` would train with.

    Raises:
        UserError: it would not.
    """
    from experiments.commands.training import ThreefoldCLI, option, parsed

    class Reader(ThreefoldCLI):
        """Parses everything and makes nothing."""

        def _set_seed(self) -> None: ...

        def before_instantiate_classes(self) -> None: ...

        def instantiate_classes(self) -> None: ...

        def _run_subcommand(self, subcommand: str) -> None: ...

    for name, instead in (("--run", "--run in front of the --"), ("--seed_everything", "an --array of one seed")):
        if option(name, words) is not None:
            raise UserError(f"submit: {name} stands behind the --; give {instead}")
    files = [word for path in config for word in ("--config", str(path))]
    folder = ["--run", str(run)] if run is not None else []
    settings = parsed("fit", [*files, *words, *folder], Reader).config["fit"]
    if settings["run"] is None:
        raise UserError("submit: no folder for the run; add --run runs/NAME")
    return settings


def refuse_other_devices(resources: Resources, trainer: Any) -> None:
    """Raises UserError where the configuration asks for other devices than the job has."""
    for name, asked, given, usual in (
        ("devices", trainer["devices"], resources.tasks_per_node, ("auto", -1, "-1")),
        ("num_nodes", trainer["num_nodes"], resources.nodes, (1,)),
        (
            "accelerator",
            trainer["accelerator"],
            resources.accelerator,
            ("auto", "cuda" if resources.gpus_per_node else ""),
        ),
    ):
        if asked not in usual and str(asked) != str(given):
            raise UserError(
                f"the configuration has trainer.{name} {asked}, but the job {given} ({resources.nodes} nodes, on each "
                f"{resources.gpus_per_node} GPUs and {resources.tasks_per_node} processes); take the key out of the "
                "configuration or change the job"
            )


def refuse_used_folders(runs: Sequence[Path]) -> None:
    """An interrupted run goes on, as with `threefold fit`."""
    from experiments.run_claims import LEFTOVERS, interrupted

    for run in runs:
        occupied = [name for name in LEFTOVERS if (run / name).exists()]
        if occupied and not interrupted(run):
            raise UserError(
                f"{run} already holds a run ({occupied[0]}); give another --run, go on with `-- --ckpt_path last`, or "
                "delete the folder"
            )


def hand_over(submission: Submission) -> str:
    """Leaves the script in the folder of every run and returns the number of the job.

    Raises:
        UserError: there is no sbatch, or it refuses.
    """
    script, runs = script_of(submission), list(submission.runs)
    for run in runs:
        run.mkdir(parents=True, exist_ok=True)  # SLURM writes no log into a folder that is not there
        (run / SCRIPT).write_text(script)
    try:
        done = subprocess.run(["sbatch", "--parsable", str(runs[0] / SCRIPT)], capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError(
            "submit: sbatch was not found; run it on a computer of the cluster, or see the script with --dry_run"
        ) from None
    if done.returncode != 0:
        raise UserError(f"sbatch refuses: {' '.join(done.stderr.split())}; change the job or ask for another partition")
    return done.stdout.strip().split(";")[0]


def report(submission: Submission, job: str, settings: Any) -> str:
    """What was submitted, and how to watch and stop it."""
    resources, runs = submission.resources, list(submission.runs)
    devices = f"{resources.gpus_per_node} GPUs" if resources.gpus_per_node else "no GPUs"
    batch = ((settings.get("data") or {}).get("init_args") or {}).get("batch_size")
    together = "" if batch is None else f", batches of {resources.processes} x {batch}"
    log = f"{submission.run}/slurm-{job}.log" if submission.array is None else f"{runs[0]}/slurm-{job}_*.log, …"
    lines = [
        f"submitted job {job}: {resources.nodes} nodes, on each {devices} and {resources.tasks_per_node} processes"
        + together,
        f"  run      {runs[0]}" + (f" … {runs[-1]}" if len(runs) > 1 else ""),
        f"  log      {log}",
        f"  script   {runs[0] / SCRIPT}",
        f"  command  {command_of(script_of(submission))}",
        f"  watch    squeue --job {job}",
        f"  stop     scancel {job}; to save and start again at once: scancel --signal=USR1 {job}",
    ]
    return "\n".join(lines)


def command_of(script: str) -> str:
    """The line that trains, in one piece."""
    return " ".join(script[script.index("srun ") :].replace("\\\n", " ").split())


def run(verb: str, arguments: Sequence[str]) -> int:
    words = list(arguments)
    border = words.index("--") if "--" in words else len(words)
    submit(call(asked, as_options(words[:border]), verb=verb), words[border + 1 :])
    return 0


def as_options(words: Sequence[str]) -> list[str]:
    """SLURM's way of writing options is understood (--gpus-per-node), --config may stand more than once, and --dry_run
    alone."""
    written = [re.sub(r"^--[a-z-]+", lambda name: "--" + name[0][2:].replace("-", "_"), word) for word in words]
    files, others, taking = [], [], False
    for word, following in zip(written, [*written[1:], "--"]):
        if word == "--dry_run" and following.startswith("--"):
            word = "--dry_run=true"
        if word.startswith("--") or word == "-c":
            taking = word in {"--config", "-c"}
            if word.startswith("--config="):
                files.append(word.removeprefix("--config="))
            elif not taking:
                others.append(word)
        elif taking:
            files.append(word)
        else:
            others.append(word)
    return [*others, *(["--config", *files] if files else [])]
