"""What the verbs that go the whole way share: ordinary commands in processes of their own, none of them done twice."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from experiments.errors import UserError


class Method(NamedTuple):
    """One of the methods that a verb trains and compares."""

    name: str
    """In the closing table."""
    run: str
    """Its folder."""
    recipe: str
    """The configuration's file name."""


def threefold(*words: object) -> None:
    """Runs one command in a process of its own, as a user would, and shows it.

    Raises:
        SystemExit: with the command's status when it fails; it has said why.
    """
    status = attempt(*words)
    if status:
        raise SystemExit(status)


def attempt(*words: object) -> int:
    """As `threefold`, but goes on when the command fails, and gives its status."""
    print(f"\n$ {spoken(words)}", flush=True)
    return subprocess.run(command(words), check=False).returncode


def together(commands: Sequence[tuple[list[object], Path]], logs: Path, verb: str) -> None:
    """At the same time where every command has a core of its own and no GPU is to be shared, else in turn."""
    import torch

    if len(commands) > 1 and cores() >= len(commands) and not torch.cuda.is_available():
        files = [logs / f"{run.name}-{verb}.txt" for _, run in commands]
        side_by_side(*(words for words, _ in commands), logs=files)
        return
    for words, _ in commands:
        threefold(*words)


def side_by_side(*commands: Sequence[object], logs: Sequence[Path]) -> None:
    """Runs commands at the same time, one thread of torch each. The first one is shown; what the others say goes to
    their log files, and to the screen when they fail.

    Raises:
        SystemExit: with the status of the first command that failed, when all have ended.
    """
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = []
    for number, (words, log) in enumerate(zip(commands, logs)):
        print(f"{'$' if number == 0 else '&'} {spoken(words)}{'' if number == 0 else f'   (log: {log})'}", flush=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        if number == 0:
            running.append(subprocess.Popen(command(words), env=one_thread))
            continue
        with log.open("w") as file:
            running.append(subprocess.Popen(command(words), env=one_thread, stdout=file, stderr=subprocess.STDOUT))
    try:
        failed = [process.wait() for process in running]
    except BaseException:  # Ctrl-C reaches the children too; they save what they have
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        raise
    for number, (status, log) in enumerate(zip(failed, logs)):
        if status and number > 0:
            sys.stderr.write("".join(log.read_text().splitlines(keepends=True)[-5:]))
    if any(failed):
        raise SystemExit(next(status for status in failed if status))


def command(words: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "experiments.cli", *(str(word) for word in words)]


def spoken(words: Sequence[object]) -> str:
    return f"threefold {shlex.join(str(word) for word in words)}"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def train(run: Path, recipe: Path, data: Path, seed: int, *more: object) -> None:
    """One training stage; skipped when finished. One that was interrupted goes on by itself.

    Raises:
        UserError: the run was trained on other data.
    """
    words = training(run, recipe, data, seed, *more)
    if words is not None:
        threefold(*words)


def training(run: Path, recipe: Path, data: Path, seed: int, *more: object) -> list[object] | None:
    """The command that trains a run; None when it is finished.

    Raises:
        UserError: the run was trained on other data.
    """
    known = trained_on(run)
    if known is not None and known.resolve() != data.resolve():
        raise UserError(f"{run} was trained on {known}, not on {data}; delete the folder or choose another --out")
    if "fit" in metrics_of(run) and finished(run):
        print(f"{run} is trained already; delete the folder to train it again")
        return None
    if recipe.is_relative_to(Path.cwd()):
        recipe = recipe.relative_to(Path.cwd())  # the command is kept beside the numbers, for others to run
    words = ["--config", recipe, "--run", run, "--data.init_args.root", data, "--seed_everything", seed]
    return ["fit", *words, *more]


def over_both_cores(batch_size: int) -> list[object]:
    """Options that let two processes share the batches of one training where there are two cores and no GPU; nothing
    elsewhere. Small networks gain little from a second thread."""
    import torch

    if cores() < 2 or torch.cuda.is_available():
        return []
    halved = ["--data.init_args.batch_size", batch_size // 2]
    return ["--trainer.devices", 2, "--trainer.strategy", "ddp", *halved]


def trained_on(run: Path) -> Path | None:
    """The data of a run, from its config.yaml; None where there is no such file."""
    path = run / "config.yaml"
    config = yaml.safe_load(path.read_text()) if path.is_file() else {}
    root = ((config or {}).get("data") or {}).get("init_args", {}).get("root")
    return None if root is None else Path(root)


def keep_test(run: Path, result: Path) -> None:
    """Copies what a run's test measured to a file of its own."""
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(metrics_of(run)["test"], indent=2) + "\n")


def best(run: Path) -> Path:
    return run / "checkpoints" / "best.ckpt"


def metrics_of(run: Path) -> dict[str, dict[str, float]]:
    path = run / "metrics.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def finished(run: Path) -> bool:
    return provenance(run).get("fit", {}).get("finished") is not None


def tested(run: Path) -> bool:
    """Whether a run was tested after its training."""
    known = provenance(run)
    trained, measured = (known.get(verb, {}).get("finished") for verb in ("fit", "test"))
    return trained is not None and measured is not None and measured >= trained and "test" in metrics_of(run)


def provenance(run: Path) -> dict[str, dict]:
    path = run / "provenance.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def columns(headings: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """The lines of a closing table: a name and right-aligned figures in each."""
    wide = max(12, *(len(name) for name, _ in rows))
    widths = [max(len(each), *(len(figures[place]) for _, figures in rows)) for place, each in enumerate(headings)]
    for name, figures in [("", headings), *rows]:
        yield f"  {name:<{wide}} " + "  ".join(f"{each:>{width}}" for each, width in zip(figures, widths))


def number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.4g}"
